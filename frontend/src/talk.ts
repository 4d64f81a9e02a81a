// The conversation: messages as they come, and sending without waiting. A message stands here at once, honestly: sending, sent, sealed, or
// not sent and why; it is tried again under the same key, so it is never there twice. While the desk can't be reached or asks to wait, it
// waits, what was written after it waits behind it, and then it goes by itself.
import { clockFace, countDown } from "./countdown";
import { patience, reason } from "./problem";
import { say } from "./toast";
import { call, visitor } from "./visit";
import { dropWords, keepWords, readWords } from "./words";

interface Message {
  id: string; at: string; body: string | null;
  author: { id: string; name: string };
  receipt: { seq: number; state: "pending" | "sequenced" | "sealed" };
  redaction: { state: "masked" | "withheld" | "erased"; text: string | null } | null;
}
/** `changed` are messages that read otherwise since they were here: redacted, shown again, erased. */
interface Page { messages: Message[]; changed: Message[]; cursor: string; more: boolean }
/** `path` is where it was sent to first; it is tried again there, and nowhere else. Empty while it was not tried. */
interface Letter { key: string; body: string; path: string; at: number; shown: HTMLElement; accepted: boolean }

const BEGINS = "/api/v1/widget/conversation";
const WAIT = 25;
const LONGEST = 15;
const list = document.querySelector<HTMLElement>("#messages")!;
const start = document.querySelector<HTMLElement>("#start")!;
const trouble = document.querySelector<HTMLElement>("#trouble")!;
const form = document.querySelector<HTMLFormElement>("#write")!;
const words = document.querySelector<HTMLTextAreaElement>("#words")!;
const problem = document.querySelector<HTMLElement>("#write-problem")!;
const most = Number(document.body.dataset["most"]);
const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "short" });

let over = (): void => undefined;
/** The visitor's own id: whose messages are "You", and nobody else's. */
let me = "";
let thread: string | null = null;
let cursor = "0";
/** The message that the conversation began with. */
let first = "";
/** Where to read again, for messages whose seal was not there yet. */
let unsealed: string | null = null;
let letters: Letter[] = [];
/** Own messages that may be a letter of which no answer came yet: that answer tells. */
const aside = new Map<string, Message>();
let queue: Promise<void> = Promise.resolve();
/** The letter that waits for the desk, and what ends its wait early. */
let held: Letter | null = null;
let hurry = (): void => undefined;
/** Another one with each visit: what still runs for the former one stops. */
let turn = 0;
let polling = false;

const pause = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const atEnd = (): boolean => list.scrollHeight - list.scrollTop - list.clientHeight < 40;

function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function made(name: string, body: string, mine: boolean): HTMLElement {
  const template = document.querySelector<HTMLTemplateElement>("#message")!;
  const shown = template.content.firstElementChild!.cloneNode(true) as HTMLElement;
  shown.classList.toggle("mine", mine);
  shown.querySelector(".who")!.textContent = mine ? "You" : name;
  shown.querySelector(".words")!.textContent = body;
  return shown;
}

function state(shown: HTMLElement, text: string, ...why: (string | Node)[]): void {
  const mark = shown.querySelector<HTMLElement>(".state")!;
  mark.textContent = text;
  mark.classList.toggle("sealed", text === "sealed");
  shown.classList.toggle("refused", text === "not sent");
  shown.querySelector<HTMLElement>(".not-sent")!.hidden = why.length === 0;
  shown.querySelector(".why")!.replaceChildren(...why);
  const retry = shown.querySelector<HTMLElement>(".not-sent button")!;
  retry.textContent = text === "not sent" ? "Try again" : "Try now";
  retry.hidden = why.some((part) => part instanceof Node);  // a limit that is not over refuses again
}

const rank = (shown: Element): number => (shown === start ? 0 : Number((shown as HTMLElement).dataset["seq"] ?? Infinity));

/** Where it belongs: in the order of the record, whichever answer came first; and what waits to be sent comes last. */
function place(shown: HTMLElement): void {
  const follow = atEnd() || shown.classList.contains("mine");
  let next: Element | null = null;
  for (let each = list.lastElementChild; each && (each === shown || rank(each) > rank(shown)); each = each.previousElementSibling) {
    if (each !== shown) next = each;
  }
  if (!shown.isConnected || shown.nextElementSibling !== next) list.insertBefore(shown, next);
  start.hidden = true;
  if (follow) list.scrollTop = list.scrollHeight;
}

/** It stands for this message from now on. */
function recorded(shown: HTMLElement, message: Pick<Message, "id" | "receipt">): void {
  shown.dataset["id"] = message.id;
  shown.dataset["seq"] = `${message.receipt.seq}`;
  place(shown);
}

/** What stands in a message's place says that it does. */
function text(message: Message): string {
  if (message.body !== null) return message.body;
  if (message.redaction?.text) return message.redaction.text;
  return message.redaction?.state === "erased" ? "This message was erased." : "This message was withheld.";
}

function find(id: string): HTMLElement | null {
  return list.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`);
}

/** The element of a message: the one that stands here, the letter that began the conversation, or a new one; null where a letter may become it. */
function elementOf(message: Message): HTMLElement | null {
  const there = find(message.id);
  if (there) return there;
  const mine = message.author.id === me;
  const letter = mine && message.id === first ? letters.find((each) => each.accepted) : undefined;
  const sent = mine && !letter ? letters.find((each) => each.path && !each.accepted && each.body === message.body) : undefined;
  if (sent) {
    aside.set(message.id, message);
    if (held === sent) hurry();
    return null;
  }
  const shown = letter?.shown ?? made(message.author.name, text(message), mine);
  letters = letters.filter((each) => each !== letter);
  recorded(shown, message);
  return shown;
}

/** What was set aside, once more. */
function takeAside(): void {
  const messages = [...aside.values()];
  aside.clear();
  messages.forEach(take);
}

function take(message: Message): void {
  const shown = elementOf(message);
  if (!shown) return;
  shown.classList.toggle("gone", message.body === null);
  const said = shown.querySelector(".words")!;
  if (said.textContent !== text(message)) said.textContent = text(message);
  const time = shown.querySelector("time")!;
  time.dateTime = message.at;
  time.textContent = clock.format(new Date(message.at));
  state(shown, message.receipt.state === "sealed" ? "sealed" : "sent");
}

async function read(after: string, wait: number): Promise<Page | Response | null> {
  const path = `/api/v1/threads/${thread}/messages?after=${encodeURIComponent(after)}&wait=${wait}`;
  const response = await call("GET", path, undefined, undefined, (wait + 15) * 1000);
  return response?.ok ? ((await response.json()) as Page) : response;
}

async function seal(now: number): Promise<void> {
  for (const seconds of [1, 2, 4, 8, 16]) {
    await pause(seconds);
    if (now !== turn || unsealed === null) return;
    const from = unsealed;
    const page = await read(from, 0);
    if (now !== turn || page === null || page instanceof Response) continue;
    page.messages.forEach(take);
    if (!page.more && page.messages.every((message) => message.receipt.state === "sealed") && unsealed === from) unsealed = null;
  }
}

async function poll(now: number): Promise<void> {
  if (polling) return;
  polling = true;
  let failures = 0;
  while (now === turn && thread) {
    const page = await read(cursor, failures ? 0 : WAIT);
    if (now !== turn) break;
    if (page instanceof Response && page.status === 401) { polling = false; over(); return; }
    if (page === null || page instanceof Response) {
      failures += 1;
      trouble.textContent = page?.status === 404 ? "This conversation is no longer here." : "Not connected. What comes meanwhile is shown later.";
      trouble.hidden = false;
      const told = Number(page?.headers.get("Retry-After") ?? 0);
      await pause(told || Math.min(30, 2 ** failures));
      continue;
    }
    failures = 0;
    trouble.hidden = true;
    const before = cursor;
    if (before === "0") first = page.messages[0]?.id ?? "";
    page.messages.forEach(take);
    page.changed.filter((message) => find(message.id)).forEach(take);
    cursor = page.cursor;
    if (page.messages.some((message) => message.receipt.state !== "sealed") && unsealed === null) { unsealed = before; void seal(now); }
  }
  polling = false;
}

/** Hold this letter, and what comes after it, until the desk may be asked again. */
async function hold(letter: Letter, response: Response | null, failures: number): Promise<void> {
  const seconds = patience(response);
  const why = response?.status === 503 ? "The desk is busy." : "Too many at once.";
  if (seconds) {
    const face = clockFace(seconds);
    state(letter.shown, "waiting", `${why} This is sent by itself in `, face, ".");
    countDown(face, seconds);
    say(`${why} Your message is sent by itself in ${face.textContent}.`);
  } else {
    state(letter.shown, "waiting", "The desk can't be reached. This is sent by itself as soon as it can.");
    if (failures === 1) say("The desk can't be reached. Your message is sent by itself as soon as it can.");
  }
  if (letter.shown.isConnected) letter.shown.scrollIntoView({ block: "nearest" });
  held = letter;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, (seconds || Math.min(LONGEST, 2 ** (failures - 1))) * 1000);
    hurry = () => { clearTimeout(timer); resolve(); };
  });
  held = null;
}

async function send(letter: Letter): Promise<void> {
  const now = turn;
  for (let failures = 1; !letter.accepted && letters.includes(letter); failures += 1) {
    const response = await attempt(letter, now);
    if (now !== turn || letter.accepted || (response && !patience(response))) return;
    await hold(letter, response, failures);
    if (now !== turn) return;
  }
}

/** Try to send it. Gives what the desk answered, which is already told where waiting doesn't help. */
async function attempt(letter: Letter, now: number): Promise<Response | null> {
  state(letter.shown, "sending…");
  letter.path ||= thread === null ? BEGINS : `/api/v1/threads/${thread}/messages`;
  keep();
  const response = await call("POST", letter.path, { body: letter.body }, letter.key);
  if (now !== turn || response === null || patience(response)) return response;
  if (!response.ok) {
    if (response.status < 500 && response.status !== 401) letter.path = "";  // it was looked at, and is not there
    keep();
    takeAside();
    const why = response.status === 401 ? "The visit is over." : await reason(response);
    state(letter.shown, "not sent", why);
    say(`Not sent. ${why}`);
    if (response.status === 401) over();
    return response;
  }
  letter.accepted = true;
  state(letter.shown, "sent");
  say("Sent");
  accepted(letter, (await response.json()) as Message | { id: string }, now);
  return response;
}

/** The desk has it: as this message, or as the beginning of the conversation of this id. */
function accepted(letter: Letter, told: Message | { id: string }, now: number): void {
  keep();
  const begins = letter.path === BEGINS;
  if (begins && thread === null) { thread = told.id; void poll(now); return; }
  if (begins && thread === told.id && !first) return;
  const id = begins ? (thread === told.id ? first : "") : told.id;
  const message = "receipt" in told && !begins ? told : aside.get(id);
  if (find(id)) letter.shown.remove();
  else if (message) recorded(letter.shown, message);
  letters = letters.filter((each) => each !== letter);
  takeAside();
}

/** What is being written and what was not taken yet, in this tab's storage. */
function keep(): void {
  if (me) keepWords({ member: me, text: words.value, letters: letters.filter((each) => !each.accepted).map(({ key, body, path, at }) => ({ key, body, path, at })) });
}

/** What a former page of this tab left: it goes on its way under its own key, where the desk still knows that. */
function resume(): void {
  if (letters.length) return;
  const left = readWords(me);
  words.value ||= left.text;  // which the browser itself may have put there again
  for (const each of left.letters) enqueue({ ...each, shown: made(visitor(), each.body, true), accepted: false });
}

function write(): void {
  const body = words.value;
  const long = new TextEncoder().encode(body).length > most;
  problem.hidden = !long;
  problem.textContent = long ? "This is too long for one message. Send it in two." : "";
  if (!body.trim() || long) { words.focus(); return; }
  words.value = "";
  enqueue({ key: newKey(), body, path: "", at: Date.now(), shown: made(visitor(), body, true), accepted: false });
  keep();
  words.focus();
}

function enqueue(letter: Letter): void {
  letters.push(letter);
  letter.shown.querySelector("button")!.addEventListener("click", () => { if (held === letter) hurry(); else queue = queue.then(() => send(letter)); });
  state(letter.shown, "waiting");
  place(letter.shown);
  queue = queue.then(() => send(letter));
}

/** Show the visitor's conversation, or the place for its first message. */
export async function beginTalk(): Promise<void> {
  const now = (turn += 1);
  const response = await call("GET", BEGINS);
  if (now !== turn) return;
  if (response?.status === 401) { over(); return; }
  if (!response?.ok) {
    trouble.textContent = "The desk can't be reached. Trying again.";
    trouble.hidden = false;
    await pause(3);
    if (now === turn) void beginTalk();
    return;
  }
  trouble.hidden = true;
  const said = (await response.json()) as { thread: string | null; member: string };
  if (now !== turn) return;
  me = said.member;
  thread = said.thread;
  resume();
  if (thread) void poll(now);
}

/** Whoever comes next sees nothing of it; where the visit ended by itself, what was not sent goes back into the field. */
export function endTalk(keepTyped: boolean): void {
  turn += 1;
  hurry();
  const unsent = letters.filter((letter) => !letter.accepted).map((letter) => letter.body);
  words.value = keepTyped ? [...unsent, words.value].filter(Boolean).join("\n\n") : "";
  letters = [];
  if (keepTyped) keep();
  else dropWords();
  aside.clear();
  me = "";
  first = "";
  thread = null;
  cursor = "0";
  unsealed = null;
  polling = false;
  trouble.hidden = true;
  start.hidden = false;
  list.replaceChildren(start);
}

export function setUpTalk(whenOver: () => void): void {
  over = whenOver;
  addEventListener("online", () => hurry());
  words.addEventListener("input", keep);
  form.addEventListener("submit", (event) => { event.preventDefault(); write(); });
  words.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); write(); }
  });
}
