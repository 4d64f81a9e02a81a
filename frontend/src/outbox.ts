// Sending without waiting: the message stands in the outbox at once, goes on its way in order, and leaves the outbox when
// the timeline shows it. A refused one stays, says why, and is tried again with the same idempotency key.
import { composer } from "./composer";
import { dropDraft, keepDraft } from "./draft";
import { pollNow } from "./poll";
import { reason } from "./problem";
import { say } from "./toast";

const PATIENCE = 20_000;

interface Letter { form: URLSearchParams; action: string; thread: string; shown: HTMLElement; accepted: boolean }

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

function mark(letter: Letter, state: string, problem: string | null): void {
  letter.shown.classList.toggle("refused", problem !== null);
  letter.shown.querySelector(".state")!.textContent = state;
  const box = letter.shown.querySelector<HTMLElement>(".sending-problem")!;
  box.hidden = problem === null;
  box.querySelector("span")!.textContent = problem ?? "";
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
    const news = document.querySelector<HTMLElement>("#news");
    if (news) pollNow(news);
  } else {
    mark(letter, "not sent", await reason(answer));
    letter.shown.scrollIntoView({ block: "nearest" });
  }
}

function send(letter: Letter): void {
  queue = queue.then(() => deliver(letter));
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
  const letter: Letter = { form: data, action: form.action, thread, shown, accepted: false };
  letters.add(letter);
  form.querySelector<HTMLInputElement>("input[name=idempotency_key]")!.value = newKey();
  text.value = "";
  text.dispatchEvent(new Event("input", { bubbles: true }));
  dropDraft(thread);
  toEnd();
  send(letter);
}

const words = (text: string | null | undefined): string => (text ?? "").replace(/\s+/g, " ").trim();

/** Take out what the timeline now shows: same words, by the same person. */
function clear(): void {
  const own = [...document.querySelectorAll("#items [data-mine] .body")].slice(-20).map((body) => words(body.textContent));
  for (const letter of letters) {
    if (!letter.shown.isConnected) { if (letter.accepted) letters.delete(letter); continue; }
    if (!letter.accepted && letter.shown.classList.contains("refused")) continue;
    if (own.includes(words(letter.form.get("body")))) { letters.delete(letter); letter.shown.remove(); }
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
    else send(letter);
  });
  // What is neither taken nor refused yet comes back as a draft should the page be left now.
  addEventListener("pagehide", () => {
    for (const letter of letters) if (!letter.accepted) keepDraft(letter.thread, { body: letter.form.get("body") ?? "", visibility: letter.form.get("visibility") ?? "public" });
  });
}
