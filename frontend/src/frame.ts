// The conversation window inside another site's page. It keeps its token in memory and in this tab's storage, so it works where cookies of
// third parties are blocked; it has none. What it hears from the page around it, it hears from an allowed site's exact origin.
import { beginTalk, endTalk, setUpTalk, untold } from "./talk";
import { call, forget, kept, keep, type Visit } from "./visit";

interface Asked { challenge: string }

const sites = JSON.parse(document.body.dataset["sites"] ?? "[]") as string[];
const place = `/api/v1/widget/${encodeURIComponent(document.body.dataset["widget"] ?? "")}`;
const around = location.hash.slice(1);
/** The page around this one, where it is an allowed site's; the browser's own word on it is taken where it gives one. */
const host = window.parent !== window && sites.includes(around) && (location.ancestorOrigins?.[0] ?? around) === around ? around : null;

const ask = document.querySelector<HTMLFormElement>("#ask")!;
const answer = document.querySelector<HTMLFormElement>("#answer")!;
const talk = document.querySelector<HTMLElement>("#talk")!;
const ended = document.querySelector<HTMLElement>("#ended")!;
const leave = document.querySelector<HTMLButtonElement>("#leave")!;
const close = document.querySelector<HTMLButtonElement>("#close")!;
let challenge = "";
let waiting: ((token: string) => void) | null = null;

function say(kind: string): void {
  if (host) window.parent.postMessage({ sealdesk: 1, kind }, host);
}

function show(part: HTMLElement): void {
  for (const each of [ask, answer, talk]) each.hidden = each !== part;
  leave.hidden = part !== talk;
  part.querySelector<HTMLElement>("input, textarea")?.focus();
}

function problem(form: HTMLFormElement, text: string): void {
  const box = form.querySelector<HTMLElement>("[role=alert]")!;
  box.textContent = text;
  box.hidden = text === "";
  const field = form.querySelector("input")!;
  field.toggleAttribute("aria-invalid", text !== "");
  if (text) { field.setAttribute("aria-invalid", "true"); field.focus(); }
}

async function why(response: Response | null): Promise<string> {
  if (!response) return "The desk can't be reached. Try again in a moment.";
  const told = (await response.json().catch(() => ({}))) as { detail?: string };
  return told.detail ?? "Something went wrong. Try again in a moment.";
}

/** One at a time, and the button says so. */
async function busy(form: HTMLFormElement, work: () => Promise<void>): Promise<void> {
  const button = form.querySelector<HTMLButtonElement>("button.primary")!;
  if (button.disabled) return;
  button.disabled = true;
  try { await work(); } finally { button.disabled = false; }
}

function enter(visit: Required<Visit>): void {
  keep(visit);
  ended.hidden = true;
  show(talk);
  void beginTalk();
}

async function askForCode(): Promise<void> {
  problem(ask, "");
  const said = new FormData(ask);
  const email = `${said.get("email") ?? ""}`.trim();
  const response = await call("POST", `${place}/code`, { email, name: `${said.get("name") ?? ""}`.trim() });
  if (!response?.ok) { problem(ask, await why(response)); return; }
  challenge = ((await response.json()) as Asked).challenge;
  document.querySelector("#asked")!.textContent = email;
  answer.reset();
  problem(answer, "");
  show(answer);
}

async function answerWithCode(): Promise<void> {
  problem(answer, "");
  const response = await call("POST", `${place}/visit`, { challenge, code: `${new FormData(answer).get("code") ?? ""}` });
  if (!response?.ok) { problem(answer, await why(response)); return; }
  enter((await response.json()) as Required<Visit>);
}

/** What the site signed, anew; empty where it signs nothing or does not answer. */
function signed(): Promise<string> {
  if (!host) return Promise.resolve("");
  return new Promise((resolve) => {
    waiting = resolve;
    setTimeout(() => resolve(""), 5_000);
    say("identify");
  });
}

async function identify(): Promise<void> {
  const token = await signed();
  const response = token ? await call("POST", `${place}/identity`, { token }) : null;
  if (response?.ok) enter((await response.json()) as Required<Visit>);
  else show(ask);
}

/** The visit is over, wherever it ended: what was not sent stays in the field for whoever goes on. */
function over(): void {
  forget();
  endTalk(true);
  ended.hidden = false;
  void identify();
}

window.addEventListener("message", (event: MessageEvent<unknown>) => {
  if (!host || event.source !== window.parent || event.origin !== host) return;
  const said = event.data as { sealdesk?: unknown; kind?: unknown; token?: unknown } | null;
  if (typeof said !== "object" || said?.sealdesk !== 1) return;
  if (said.kind === "identity" && typeof said.token === "string") waiting?.(said.token.slice(0, 4096));
  if (said.kind === "opened") [ask, answer, talk].find((part) => !part.hidden)?.querySelector<HTMLElement>("input, textarea")?.focus();
});
ask.addEventListener("submit", (event) => { event.preventDefault(); void busy(ask, askForCode); });
answer.addEventListener("submit", (event) => { event.preventDefault(); void busy(answer, answerWithCode); });
document.querySelector("#again")!.addEventListener("click", () => show(ask));
leave.addEventListener("click", () => {
  void call("DELETE", "/api/v1/widget/visit").then((response) => {
    // The visit would go on there, and what waits to be sent would be gone here.
    if (!response || response.status >= 500) { untold("The desk can't be reached, so you are still here. Try again in a moment."); return; }
    forget(); endTalk(false); ask.reset(); show(ask);
  });
});
close.hidden = !host;
close.addEventListener("click", () => say("close"));
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !event.isComposing) say("close"); });

setUpTalk(over);
say("ready");
if (kept()) { show(talk); void beginTalk(); } else void identify();
