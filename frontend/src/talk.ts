// The conversation: messages as they come, and sending without waiting. A message stands here at once, honestly: sending, sent, sealed, or
// not sent and why; it is tried again under the same key, so it is never there twice. While the desk can't be reached or asks to wait, it
// waits, what was written after it waits behind it, and then it goes by itself.
import { clockFace, countDown } from "./countdown";
import { clear, find, leaveBehind, made, place, recorded, state } from "./log";
import { patience, reason, tooMuch } from "./problem";
import { say } from "./toast";
import { call, member, visitor } from "./visit";
import { dropWords, keepWords, newKey, readWords, type KeptLetter } from "./words";

interface Message {
  id: string; at: string; body: string | null;
  author: { id: string; name: string };
  receipt: { seq: number; state: "pending" | "sequenced" | "sealed" };
  redaction: { state: "masked" | "withheld" | "erased"; text: string | null } | null;
}
/** `changed` are messages that read otherwise since they were here: redacted, shown again, erased. */
interface Page { messages: Message[]; changed: Message[]; cursor: string; more: boolean }
/** `path` is where it was sent to first; it is tried again there, and nowhere else. Empty while it was not tried. */
interface Letter extends KeptLetter { shown: HTMLElement; accepted: boolean }

const BEGINS = "/api/v1/widget/conversation";
const WAIT = 25;
const LONGEST = 15;
const SELDOM = 30;
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
/** The desk has said which conversation there is, if there is one. Until then what is written waits. */
let known = false;
let cursor = "0";
/** The message that the conversation began with. */
let first = "";
/** Where to read again, for messages whose seal was not there yet. */
let unsealed: string | null = null;
let letters: Letter[] = [];
/** Own messages that may be a letter of which no answer came yet: that answer tells. */
const aside = new Map<string, Message>();
let queue: Promise<void> = Promise.resolve();
/** The letter that waits for the desk. */
let held: Letter | null = null;
/** Ends each wait for the desk early; those for as long as the desk asked for, only with the visit. */
const resting = new Map<() => void, boolean>();
/** Until when the desk wants not to be asked which conversation there is. */
let quietUntil = 0;
/** Seconds until the seals are looked for. */
let sealsIn = 1;
/** Another one with each visit: what still runs for the former one stops. */
let turn = 0;
/** The visit for which news are asked for. */
let polling = 0;

/** So long, or until there is a sign that the desk can be reached. */
function rest(seconds: number, asked = false): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => { clearTimeout(timer); resting.delete(done); resolve(); };
    const timer = setTimeout(done, seconds * 1000);
    resting.set(done, asked);
  });
}

function hurry(over = false): void {
  for (const [done, asked] of [...resting]) if (over || !asked) done();
}

/** What stands in a message's place says that it does. */
function text(message: Message): string {
  if (message.body !== null) return message.body;
  if (message.redaction?.text) return message.redaction.text;
  return message.redaction?.state === "erased" ? "This message was erased." : "This message was withheld.";
}

/** The element of a message: the one that stands here, the letter that began the conversation, or a new one; null where a letter may become it. */
function elementOf(message: Message): HTMLElement | null {
  const there = find(message.id);
  if (there) return there;
  const mine = message.author.id === me;
  const letter = mine && message.id === first ? letters.find((each) => each.accepted && each.path === BEGINS) : undefined;
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

/** What is in the way, until there is news again. */
export function untold(sentence: string): void {
  trouble.textContent = sentence;
  trouble.hidden = false;
}

async function read(after: string, wait: number): Promise<Page | Response | null> {
  const path = `/api/v1/threads/${thread}/messages?after=${encodeURIComponent(after)}&wait=${wait}`;
  const response = await call("GET", path, undefined, undefined, (wait + 15) * 1000);
  return response?.ok ? ((await response.json()) as Page) : response;
}

/** Look again until all of it is sealed, ever more rarely: the desk may be away for long, and seals what it has once it is back. */
async function seal(now: number): Promise<void> {
  for (sealsIn = 1; ; sealsIn = Math.min(SELDOM, sealsIn * 2)) {
    await rest(sealsIn);
    if (now !== turn || unsealed === null) return;
    const from = unsealed, until = cursor, asked = thread;
    const page = await read(from, 0);
    if (now !== turn || asked !== thread) return;
    if (page === null || page instanceof Response) { await rest(patience(page), true); continue; }
    page.messages.forEach(take);
    if (!page.messages.every((message) => message.receipt.state === "sealed") || unsealed !== from) continue;
    // What came while this was on its way may be too new to be in it.
    unsealed = page.more ? page.cursor : cursor === until ? null : until;
    if (unsealed === null) return;
    sealsIn = 0.5;
  }
}

/** There is a sign that the desk is there: what waits for it goes on, and seals may be near. */
function hear(): void {
  sealsIn = 0.5;
  hurry();
}

async function poll(now: number): Promise<void> {
  if (polling === now) return;
  polling = now;
  let failures = 0;
  while (now === turn && thread) {
    const asked = thread;
    const page = await read(cursor, failures ? 0 : WAIT);
    if (now !== turn) break;
    if (asked !== thread) continue;
    if (page instanceof Response && page.status === 401) { over(); return; }
    if (page === null || page instanceof Response) {
      failures += 1;
      const told = patience(page);
      const why = page?.status === 404 ? "This conversation is no longer here." : told ? "Too many at once." : "Not connected.";
      untold(page?.status === 404 ? why : `${why} What comes meanwhile is shown later.`);
      await (told ? rest(told, true) : rest(Math.min(30, 2 ** failures)));
      continue;
    }
    if (failures) hear();
    failures = 0;
    trouble.hidden = true;
    const before = cursor;
    if (before === "0") first = page.messages[0]?.id ?? "";
    page.messages.forEach(take);
    page.changed.filter((message) => find(message.id)).forEach(take);
    cursor = page.cursor;
    if (page.messages.some((message) => message.receipt.state !== "sealed") && unsealed === null) { unsealed = before; void seal(now); }
  }
  if (polling === now) polling = 0;
}

/** Hold this letter, and what comes after it, until the desk may be asked again. */
async function hold(letter: Letter, response: Response | null, failures: number): Promise<void> {
  const seconds = patience(response);
  const why = tooMuch(response);
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
  await rest(seconds || Math.min(LONGEST, 2 ** (failures - 1)), seconds > 0);
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

/** Which conversation there is: another window of the same visitor may have begun it. Gives the answer, null where there is none that says it. */
async function ask(now: number): Promise<Response | null> {
  const response = await call("GET", BEGINS);
  quietUntil = Date.now() + patience(response) * 1000;
  if (now !== turn || !response?.ok) return response;
  const said = (await response.json().catch(() => null)) as { thread: string | null; member: string } | null;
  if (now !== turn || !said) return null;
  belongs(said.member);
  thread ??= said.thread;
  known = true;
  if (thread) void poll(now);
  return response;
}

/** Somebody comes back to a window without a conversation, which hears of none. */
function returned(): void {
  if (known && thread === null && document.visibilityState === "visible" && Date.now() >= quietUntil) void ask(turn);
}

/** Post it where it belongs. Gives the answer, of the question where that is too. */
async function post(letter: Letter, now: number): Promise<Response | null> {
  const asked = letter.path || thread ? undefined : await ask(now);
  if (asked === null || (asked && (!asked.ok || now !== turn))) return asked;
  letter.path ||= thread === null ? BEGINS : `/api/v1/threads/${thread}/messages`;
  keep();
  return await call("POST", letter.path, { body: letter.body }, letter.key);
}

/** The visitor takes part in this conversation no longer: what comes now is of another one. */
function leave(): void {
  const over = letters.filter((each) => each.accepted);
  letters = letters.filter((each) => !each.accepted);
  thread = unsealed = null;
  first = "";
  cursor = "0";
  aside.clear();
  leaveBehind(over.map((each) => each.shown));
}

/** Whether it is to be asked anew where it belongs: another window began a conversation meanwhile, or this one is theirs no longer. */
function belongsElsewhere(letter: Letter, response: Response, tried: boolean): boolean {
  const gone = response.status === 404 && letter.path !== "" && letter.path !== BEGINS;
  if (gone) leave();
  // What was sent before and got no answer may stand there already: whoever wrote it decides.
  if (gone ? tried : response.status !== 409 || letter.path !== BEGINS) return false;
  letter.path = "";
  return true;
}

/** Try to send it. Gives what the desk answered, which is already told where waiting doesn't help. */
async function attempt(letter: Letter, now: number): Promise<Response | null> {
  state(letter.shown, "sending…");
  const tried = letter.path !== "";
  let response = await post(letter, now);
  for (let turns = 0; turns < 3 && response && now === turn && belongsElsewhere(letter, response, tried); turns += 1) {
    response = await post(letter, now);
  }
  if (now !== turn || response === null || patience(response)) return response;
  if (!response.ok) {
    if (response.status < 500 && response.status !== 401) letter.path = "";  // it was looked at, and is not there
    keep();
    takeAside();
    const lost = response.status === 404 && tried;
    const why = response.status === 401 ? "The visit is over." : lost ? "This may have arrived before the conversation was closed to you." : await reason(response);
    state(letter.shown, "not sent", why);
    say(`Not sent. ${why}`);
    if (response.status === 401) over();
    return response;
  }
  const told = (await response.json().catch(() => null)) as Message | { id: string } | null;
  if (now !== turn || !told) return null;  // half an answer is none
  letter.accepted = true;
  state(letter.shown, "sent");
  say("Sent");
  accepted(letter, told, now);
  return response;
}

/** The desk has it: as this message, or as the beginning of the conversation of this id. */
function accepted(letter: Letter, told: Message | { id: string }, now: number): void {
  keep();
  hear();
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

/** What is being written and what was not taken yet, in this tab's storage. False where that is not to be had. */
function keep(): boolean {
  const unsent = letters.filter((each) => !each.accepted);
  return me !== "" && keepWords({ member: me, text: words.value, letters: unsent.map(({ key, body, path, at }) => ({ key, body, path, at })) });
}

/** Whose visit this is: what a former page of this tab left of theirs comes before what is written here. */
function belongs(to: string): void {
  if (me) return;
  me = to;
  const left = readWords(me);
  // Which the browser itself may have put there again.
  if (left.text !== words.value) words.value = [left.text, words.value].filter(Boolean).join("\n\n");
  letters = [...left.letters.map(letterOf), ...letters];
  letters.forEach((each) => place(each.shown));
  keep();
}

function write(): void {
  const body = words.value;
  const long = new TextEncoder().encode(body).length > most;
  problem.hidden = !long;
  problem.textContent = long ? "This is too long for one message. Send it in two." : "";
  if (!body.trim() || long) { words.focus(); return; }
  words.value = "";
  const letter = letterOf({ key: newKey(), body, path: "", at: Date.now() });
  letters.push(letter);
  place(letter.shown);
  if (known) goes(letter);
  keep();
  words.focus();
}

/** A kept one goes on its way under its own key, where the desk still knows that. */
function letterOf(kept: KeptLetter): Letter {
  const letter = { ...kept, shown: made(visitor(), kept.body, true), accepted: false };
  letter.shown.querySelector("button")!.addEventListener("click", () => { if (held === letter) hurry(); else goes(letter); });
  state(letter.shown, "waiting");
  return letter;
}

/** It goes once all before it went. */
function goes(letter: Letter): void {
  queue = queue.then(() => send(letter));
}

/** Show the visitor's conversation, or the place for its first message. */
export async function beginTalk(): Promise<void> {
  const now = (turn += 1);
  if (member()) belongs(member());
  const response = await ask(now);
  if (now !== turn) return;
  if (response?.status === 401) { over(); return; }
  if (!known) {
    const told = patience(response);
    untold(told ? `${tooMuch(response)} Trying again soon.` : "The desk can't be reached. Trying again.");
    await (told ? rest(told, true) : rest(3));
    if (now === turn) void beginTalk();
    return;
  }
  trouble.hidden = true;
  letters.forEach(goes);
}

/** Whoever comes next sees nothing of it. Where the visit ended by itself, what was not sent goes back into the field; or it stays kept for the
 * one who wrote it, where the desk never said who is there and so nothing of it went. */
export function endTalk(keepTyped: boolean): void {
  turn += 1;
  hurry(true);
  const unsent = letters.filter((letter) => !letter.accepted).map((letter) => letter.body);
  const back = keepTyped && (known || !keep());
  if (back) words.value = [...unsent, words.value].filter(Boolean).join("\n\n");
  letters = [];
  if (back) keep();
  if (!keepTyped) { words.value = ""; dropWords(); }
  queue = Promise.resolve();
  aside.clear();
  me = "";
  first = "";
  thread = null;
  known = false;
  cursor = "0";
  unsealed = null;
  trouble.hidden = true;
  clear();
}

export function setUpTalk(whenOver: () => void): void {
  over = whenOver;
  addEventListener("online", () => hurry());
  document.addEventListener("visibilitychange", returned);
  addEventListener("focus", returned);
  words.addEventListener("input", keep);
  form.addEventListener("submit", (event) => { event.preventDefault(); write(); });
  words.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); write(); }
  });
}
