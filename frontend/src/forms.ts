// Small manners of forms: no double sending, the focus stays where it was after a swap, copying, and refusals told in a sentence.
import { reason } from "./problem";
import { toast } from "./toast";

function once(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement;
  if (event.defaultPrevented || form.id === "composer" || form.hasAttribute("hx-post")) return;
  const button = event.submitter as HTMLButtonElement | null;
  // After the form was read: a disabled button does not send its value.
  setTimeout(() => { if (button) button.disabled = true; });
  addEventListener("pageshow", () => { if (button) button.disabled = false; }, { once: true });
  setTimeout(() => { if (button) button.disabled = false; }, 5_000);
}

async function copy(event: Event): Promise<void> {
  const button = (event.target as Element).closest<HTMLElement>("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset["copy"] ?? "").then(() => toast("Copied."), () => toast("The browser does not allow copying here."));
}

let focused = "";

export function startForms(): void {
  document.addEventListener("submit", once);
  document.addEventListener("click", (event) => void copy(event));
  document.addEventListener("htmx:before:swap", () => {
    const active = document.activeElement;
    focused = active?.closest("[data-keep-focus]") ? active.id : "";
  });
  document.addEventListener("htmx:after:swap", () => {
    if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus();
  });
  document.addEventListener("htmx:response:error", (event) => {
    const { ctx } = (event as CustomEvent<{ ctx: { sourceElement?: Element; response?: { raw?: Response } } }>).detail;
    if (ctx.sourceElement?.hasAttribute("data-poll")) return;
    void reason(ctx.response?.raw ?? null).then(toast);
  });
}
