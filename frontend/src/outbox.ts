// Sending without waiting: the message stands in the outbox at once, goes on its way in order, and leaves the outbox when
// the timeline shows it. A refused one stays, says why, and is tried again with the same idempotency key.
import { composer } from "./composer";
import { dropDraft, keepDraft } from "./draft";
import { pollNow } from "./poll";
import { reason } from "./problem";
import { renew, signInHref, token } from "./session";
import { say } from "./toast";

const PATIENCE = 20_000;

/** `before` is how often the timeline showed the same words by the same person when the letter was written. */
interface Letter { form: URLSearchParams; action: string; thread: string; shown: HTMLElement; accepted: boolean; before: number }

const words = (text: string | null | undefined): string => (text ?? "").replace(/\s+/g, " ").trim();

const letters = new Set<Letter>();
let queue: Promise<void> = Promise.resolve();

function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function show(body: string, internal: boolean): HTMLElement | null {
  const template = document.querySelector<HTMLTemplateElement>("#sending");
  const shown = template?.content.firstElementChild?.cloneNode(true) as HTMLElement | undefined;
  if (!shown) return null;
  shown.classList.toggle("note", internal);
  shown.querySelector(".body")!.textContent = body;
  document.querySelector("#outbox")?.append(shown);
  return shown;
}

function mark(letter: Letter, state: string, problem: string | null, ended = false): void {
  letter.shown.classList.toggle("refused", problem !== null);
  letter.shown.querySelector(".state")!.textContent = state;
  const box = letter.shown.querySelector<HTMLElement>(".sending-problem")!;
  box.hidden = problem === null;
  box.querySelector("span")!.textContent = problem ?? "";
  const link = box.querySelector("a")!;
  link.hidden = !ended;
  link.href = signInHref();
}

/** The timeline is reversed: its end is where it is not scrolled at all. */
function toEnd(): void {
  document.querySelector(".timeline")?.scrollTo({ top: 0 });
}

async function post(letter: Letter): Promise<Response | null> {
  try {
    // The page's route answers with a redirect; followed by hand, it only says "taken".
    return await fetch(letter.action, {
      method: "POST", body: letter.form, redirect: "manual", signal: AbortSignal.timeout(PATIENCE),
      headers: { Accept: "application/problem+json, text/html;q=0.5" },
    });
  } catch {
    return null;
  }
}

async function deliver(letter: Letter): Promise<void> {
  mark(letter, "sending…", null);
  const answer = await post(letter);
  if (answer && (answer.type === "opaqueredirect" || answer.ok)) {
    letter.accepted = true;
    mark(letter, "sent", null);
    say("Sent");
    // From an earlier stretch the message would stand where it does not belong.
    if (new URLSearchParams(location.search).has("earlier")) { location.assign(location.pathname); return; }
    clear();
    const news = document.querySelector<HTMLElement>("#news");
    if (news) pollNow(news);
  } else {
    mark(letter, "not sent", await reason(answer), answer?.status === 401);
    letter.shown.scrollIntoView({ block: "nearest" });
  }
}

function send(letter: Letter): void {
  queue = queue.then(() => deliver(letter));
}

/** Once more: perhaps after signing in again, so with the token of the session that is now. Never as somebody else. */
async function sendAgain(letter: Letter): Promise<void> {
  const now = await renew();
  if (now === "somebody else") {
    mark(letter, "not sent", "Someone else is signed in now. Sign in as yourself in another tab, then try again.", true);
    return;
  }
  letter.form.set("csrf", token());
  send(letter);
}

function letterOf(element: Element): Letter | undefined {
  return [...letters].find((letter) => letter.shown.contains(element));
}

function edit(letter: Letter): void {
  const form = composer();
  const text = form?.querySelector<HTMLTextAreaElement>("textarea");
  if (!form || !text) return;
  const body = letter.form.get("body") ?? "";
  text.value = text.value ? `${body}\n\n${text.value}` : body;
  text.dispatchEvent(new Event("input", { bubbles: true }));
  letters.delete(letter);
  letter.shown.remove();
  text.focus();
}

function submit(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement;
  const text = form.querySelector("textarea");
  if (form.id !== "composer" || !text) return;
  const data = new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, value.toString()]));
  const shown = show(text.value, data.get("visibility") === "internal");
  if (!shown) return;
  event.preventDefault();
  const thread = form.dataset["thread"] ?? "";
  const letter: Letter = { form: data, action: form.action, thread, shown, accepted: false, before: showing(text.value) };
  letters.add(letter);
  form.querySelector<HTMLInputElement>("input[name=idempotency_key]")!.value = newKey();
  text.value = "";
  text.dispatchEvent(new Event("input", { bubbles: true }));
  dropDraft(thread);
  toEnd();
  send(letter);
}

/** How often the timeline shows these words by the same person. */
function showing(text: string | null): number {
  return [...document.querySelectorAll("#items [data-mine] .body")].filter((body) => words(body.textContent) === words(text)).length;
}

/** Take out what was accepted and now stands in the timeline, once more than before. */
function clear(): void {
  const open = composer()?.dataset["thread"];
  for (const letter of letters) {
    if (!letter.accepted) {
      // Another conversation was shown meanwhile; back in its own, it stands there again.
      if (!letter.shown.isConnected && letter.thread === open) document.querySelector("#outbox")?.append(letter.shown);
      continue;
    }
    if (letter.shown.isConnected && showing(letter.form.get("body")) <= letter.before) continue;
    letters.delete(letter);
    letter.shown.remove();
  }
}

/** What is neither taken nor given up comes back as one draft should the page be left now; with a note among it, as a note. */
function keepAll(): void {
  const form = composer();
  const open = form?.dataset["thread"];
  for (const thread of new Set([...letters].filter((letter) => !letter.accepted).map((letter) => letter.thread))) {
    const waiting = [...letters].filter((letter) => letter.thread === thread && !letter.accepted);
    const texts = waiting.map((letter) => letter.form.get("body") ?? "");
    const kinds = waiting.map((letter) => letter.form.get("visibility"));
    if (form && open === thread) {
      const typed = form.querySelector("textarea")?.value ?? "";
      if (typed.trim()) { texts.push(typed); kinds.push(new FormData(form).get("visibility")?.toString() ?? "public"); }
    }
    keepDraft(thread, { body: texts.join("\n\n"), visibility: kinds.includes("internal") ? "internal" : "public" });
  }
}

export function startOutbox(): void {
  document.addEventListener("submit", submit);
  document.addEventListener("htmx:after:settle", clear);
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const letter = target.closest("[data-retry], [data-edit]") && letterOf(target);
    if (!letter) return;
    if (target.closest("[data-edit]")) edit(letter);
    else void sendAgain(letter);
  });
  addEventListener("pagehide", keepAll);
}
