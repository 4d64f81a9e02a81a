// What an organisation's site loads by one tag: a button, and behind it the conversation window in a frame of the desk's own origin.
// It takes nothing from the site but what the tag says, and believes nothing that another window says.
//
//   <script async src="https://desk.example/widget.js" data-widget="PUBLIC ID" data-identity="/who-i-am"></script>
//
// `data-identity` is an address of the site's own that answers with what the site signed for its visitor, anew for each request.

function start(tag: HTMLScriptElement): void {
  const id = tag.dataset["widget"] ?? "";
  const asks = tag.dataset["identity"];
  const desk = new URL(tag.src).origin;
  if (!/^[A-Za-z0-9_-]{16,64}$/.test(id)) { console.error("Sealdesk: the tag needs data-widget, as the desk shows it."); return; }
  let frame: HTMLIFrameElement | null = null;
  let there = false;

  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Write to us";
  button.setAttribute("aria-expanded", "false");
  style(button, {
    position: "fixed", insetBlockEnd: "1rem", insetInlineEnd: "1rem", zIndex: "2147483002", font: "600 1rem/1 system-ui, sans-serif",
    padding: ".9rem 1.2rem", border: "2px solid #ffffff", borderRadius: "2rem", background: "#0b5c4a", color: "#ffffff", cursor: "pointer",
    boxShadow: "0 4px 16px rgb(0 0 0 / .25)",
  });

  /** To the frame once it is there, and to no page that may have taken its place. */
  function say(message: Record<string, unknown>): void {
    frame?.contentWindow?.postMessage({ sealdesk: 1, ...message }, desk);
  }

  /** While nothing came into the window, which closes itself once it is there, the button does, and the next try is a new one. */
  function face(open: boolean): void {
    button.style.display = open && there ? "none" : "block";
    button.textContent = open ? "Close" : "Write to us";
    button.setAttribute("aria-expanded", `${open}`);
  }

  function show(open: boolean): void {
    if (!open && !there) { frame?.remove(); frame = null; }
    if (open) frame ??= framed(`${desk}/widget/${encodeURIComponent(id)}#${location.origin}`);
    if (frame) frame.style.display = open ? "block" : "none";
    face(open);
    if (!open || !frame) { button.focus(); return; }
    frame.focus();
    if (there) say({ kind: "opened" });
  }

  async function identify(): Promise<void> {
    let token = "";
    try {
      const url = new URL(asks ?? "", location.href);
      // The site's own alone: what is signed goes to whoever asks with the visitor's cookies.
      if (asks && url.origin === location.origin) {
        const answer = await fetch(url, { credentials: "same-origin", cache: "no-store", redirect: "error" });
        if (answer.ok) token = (await answer.text()).trim();
      }
    } catch { /* then the window asks the visitor */ }
    say({ kind: "identity", token });
  }

  addEventListener("message", (event: MessageEvent<unknown>) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== desk) return;
    const said = event.data as { sealdesk?: unknown; kind?: unknown } | null;
    if (typeof said !== "object" || said?.sealdesk !== 1) return;
    if (!there) { there = true; face(true); }
    if (said.kind === "identify") void identify();
    if (said.kind === "close") show(false);
  });
  button.addEventListener("click", () => show(button.getAttribute("aria-expanded") === "false"));
  addEventListener("keydown", (event) => { if (event.key === "Escape" && frame && !there) show(false); });
  document.body.append(button);
}

function framed(address: string): HTMLIFrameElement {
  const frame = document.createElement("iframe");
  frame.title = "Conversation";
  frame.referrerPolicy = "origin";
  frame.setAttribute("sandbox", "allow-scripts allow-same-origin allow-forms");
  style(frame, {
    position: "fixed", insetBlockEnd: "0", insetInlineEnd: "0", zIndex: "2147483001", width: "min(25rem, 100vw)", height: "min(42rem, 100dvh)",
    border: "0", borderRadius: innerWidth > 480 ? ".75rem .75rem 0 0" : "0", boxShadow: "0 8px 40px rgb(0 0 0 / .3)", colorScheme: "light dark",
  });
  frame.src = address;
  document.body.append(frame);
  return frame;
}

/** Through the object model: a site's policy on styles does not mind it. */
function style(element: HTMLElement, rules: Partial<CSSStyleDeclaration>): void {
  Object.assign(element.style, rules);
}

const own = document.currentScript;
if (own instanceof HTMLScriptElement) {
  if (document.body) start(own);
  else addEventListener("DOMContentLoaded", () => start(own));
}
