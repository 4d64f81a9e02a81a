// A live socket beside the page: bells in place of waiting requests, who writes, who is there, who has read. It carries no words: what is
// new is read as always. Without a socket the page asks by itself, so nothing here has to succeed.
import { pollNow, reached, setLive } from "./poll";

interface Who { member: string; name: string; side: string }
interface Mark { member: string; name: string; seq: number }
interface Told { type: string; status?: number; seconds?: number; thread?: string; seq?: number; present?: Who[]; read?: Mark[]; who?: Who; on?: boolean; mark?: Mark }

const WRITES_FOR = 6_000;
const SAY_EVERY = 3_000;
/** Whoever writes on straight after an answer is said to, no sooner: frames are counted, and short answers come in bursts. */
const SAY_ANEW = 2_000;
/** Whoever steps through the list looks at none of what they pass; and nobody reads faster than so. */
const SETTLED = 300;
const WATCH_EVERY = 1_000;
const READ_AFTER = 500;
const READ_EVERY = 2_000;
const HIDDEN_FOR = 30_000;
const LONGEST = 60_000;
const LATER = new Set([1008, 1013]);

let socket: WebSocket | null = null;
let failures = 0;
let again = 0;
let over = false;
let hidden = 0;
/** The conversation that is shown, and the one that the desk was asked to watch. */
let watched = "";
let asked = "";
let askedAt = 0;
let asking = 0;
let listening = false;
let wanted = false;
/** The list went on, or may have, while nobody saw it. */
let missed = false;
let later = 0;
let said = 0;
let writing = false;
let due = 0;
let readUpTo = 0;
let readAt = 0;
let reading = 0;
const writers = new Map<string, { name: string; until: number }>();
let present: Who[] = [];
const marks = new Map<string, Mark>();

const news = (): HTMLElement | null => document.querySelector<HTMLElement>("#news");

/** The conversation that is shown, and how far its public part is. */
function shown(): { thread: string; seq: number } | null {
  const found = /^\/c\/([0-9a-f-]{36})\/news\?after=(\d+)/.exec(news()?.getAttribute("hx-get") ?? "");
  return found ? { thread: found[1]!, seq: Number(found[2]) } : null;
}

function send(frame: object): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
}

function listed(names: string[]): string {
  return names.length < 3 ? names.join(" and ") : `${names.slice(0, 2).join(", ")} and ${names.length - 2} more`;
}

/** One quiet line, which has its place whether something stands in it or not. No reader is interrupted by it. */
function tell(): void {
  const line = document.querySelector<HTMLElement>("#live");
  if (!line) return;
  const now = Date.now();
  for (const [key, writer] of writers) if (writer.until < now) writers.delete(key);
  const writing = [...writers.values()].map((writer) => writer.name);
  // Under somebody else's message there is nothing to say: they have read their own.
  const end = document.querySelector("#items > article:last-of-type")?.hasAttribute("data-mine") ? (shown()?.seq ?? 0) : 0;
  const readers = [...marks.values()].filter((mark) => end > 0 && mark.seq >= end && mark.name && mark.member !== document.body.dataset["member"]);
  const parts: string[] = [];
  if (writing.length) parts.push(`${listed(writing)} ${writing.length === 1 ? "is" : "are"} writing…`);
  else {
    if (readers.length) parts.push(`Read by ${listed(readers.map((mark) => mark.name))}`);
    if (present.length) parts.push(`${listed(present.map((who) => who.name))} ${present.length === 1 ? "is" : "are"} here`);
  }
  const text = parts.join(" · ");
  if (line.textContent !== text) line.textContent = text;
}

/** Read on as soon as nothing is under way: a bell may ring while an answer of before it still comes. */
function readOn(): void {
  const element = news();
  if (!wanted || !element) return;
  if (element.classList.contains("htmx-request")) { setTimeout(readOn, 50); return; }
  wanted = false;
  pollNow(element);
}

/** What is shown has been read once it stood there a moment; the marks of a burst are one. */
function markRead(): void {
  if (reading) return;
  reading = window.setTimeout(() => { reading = 0; sayRead(); }, Math.max(READ_AFTER, readAt + READ_EVERY - Date.now()));
}

function sayRead(): void {
  const now = shown();
  if (!now || !asked || now.thread !== asked || now.seq <= readUpTo || document.visibilityState !== "visible") return;
  if (new URLSearchParams(location.search).has("earlier")) return;
  readUpTo = now.seq;
  readAt = Date.now();
  send({ type: "read", thread: now.thread, seq: now.seq });
}

/** The list of conversations, where the page has one that is the desk's. */
const list = (): HTMLElement | null => document.querySelector<HTMLElement>("#rows[data-bell]");

/** Somewhere something went on: ask for the list, once it is not being asked for. */
function readList(): void {
  const element = list();
  if (!element) return;
  if (document.visibilityState !== "visible") { missed = true; return; }
  missed = false;
  if (element.classList.contains("htmx-request")) { setTimeout(readList, 100); return; }
  pollNow(element);
}

/** The page asks by itself, and says nothing of the conversation; where others have used a limit up, until that is over. */
function refused(told: Told): void {
  setLive(false);
  asked = "";
  if (told.status !== 429 || !told.seconds) return;
  clearTimeout(later);
  later = window.setTimeout(anew, told.seconds * 1000);
}

/** Ask for everything again. */
function anew(): void {
  watched = "";
  listening = false;
  askedAt = 0;
  look();
}

function hear(told: Told): void {
  if (told.type === "ready") { anew(); return; }
  if (told.type === "list") { failures = 0; readList(); return; }
  if (told.type === "refused") { refused(told); return; }
  if (told.thread !== watched) return;
  switch (told.type) {
    case "watching":
      failures = 0;
      setLive(true);
      present = told.present ?? [];
      for (const mark of told.read ?? []) marks.set(mark.member, mark);
      wanted = true;
      readOn();
      markRead();
      break;
    case "bell": wanted = true; readOn(); break;
    case "present": present = told.present ?? []; break;
    case "read": if (told.mark) marks.set(told.mark.member, told.mark); break;
    case "typing":
      if (told.who && told.on) writers.set(told.who.member, { name: told.who.name, until: Date.now() + WRITES_FOR });
      else if (told.who) writers.delete(told.who.member);
      break;
  }
  tell();
}

/** Watch the conversation that is shown, and no other. */
function look(): void {
  const now = shown();
  if ((now || list()) && !socket && !again) open();
  if (socket?.readyState !== WebSocket.OPEN) return;
  if (listening !== (list() !== null)) {
    listening = !listening;
    send({ type: "list", on: listening });
  }
  if ((now?.thread ?? "") === watched) return;
  stopped();
  watched = now?.thread ?? "";
  readUpTo = 0;
  writers.clear();
  marks.clear();
  present = [];
  setLive(false);
  clearTimeout(asking);
  const since = Date.now() - askedAt;
  if (since > WATCH_EVERY + SETTLED) watch();
  else asking = window.setTimeout(watch, Math.max(SETTLED, WATCH_EVERY - since));
  tell();
}

/** One frame takes the place of what was watched before. */
function watch(): void {
  if (watched) send({ type: "watch", thread: watched, only: true });
  else if (asked) send({ type: "watch", thread: asked, on: false });
  if (watched) askedAt = Date.now();
  asked = watched;
}

/** Nothing comes over the socket any more. */
function lost(): void {
  socket = null;
  clearTimeout(later);
  clearTimeout(asking);
  watched = asked = "";
  writing = false;
  listening = false;
  writers.clear();
  present = [];
  setLive(false);
  tell();
}

/** When to come again, in milliseconds: not before the desk says, nor soon where it is there and opens nothing: it has enough of them. */
function patience(event: CloseEvent, opened: boolean): number {
  const told = Number(/again in (\d+) s/.exec(event.reason)?.[1] ?? 0) * 1000;
  const chance = 0.5 + crypto.getRandomValues(new Uint8Array(1))[0]! / 510;
  const refused = LATER.has(event.code) || event.code === 4408 || (!opened && reached());
  return told + chance * (refused ? LONGEST : Math.min(LONGEST, 1000 * 2 ** failures));
}

function closed(event: CloseEvent, opened: boolean): void {
  lost();
  // Signed out, or out of reach: the next question says so, in words, and is asked at once.
  if (event.code === 4401) over = true;
  if (event.code === 4404) { wanted = true; readOn(); }
  if (over || document.visibilityState !== "visible") return;
  failures += 1;
  again = window.setTimeout(() => { again = 0; look(); }, patience(event, opened));
}

function open(): void {
  if (over || document.visibilityState !== "visible") return;
  const made = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/live`, "sealdesk.live.v1");
  let opened = false;
  socket = made;
  made.addEventListener("open", () => { opened = true; });
  made.addEventListener("message", (event) => { if (socket === made) hear(JSON.parse(event.data as string) as Told); });
  made.addEventListener("close", (event) => { if (socket === made) closed(event, opened); });
}

/** Whoever goes elsewhere writes no longer. */
function stopped(): void {
  clearTimeout(due);
  if (writing) send({ type: "typing", thread: asked, on: false });
  writing = false;
}

/** A public answer is being written: said now and then, and taken back when it is sent or emptied. A note is nobody's business. */
function typing(): void {
  clearTimeout(due);
  const form = document.querySelector<HTMLFormElement>("#composer");
  const text = form?.querySelector("textarea")?.value.trim();
  if (!form || !asked || asked !== watched) return;
  if (new FormData(form).get("visibility") === "internal") { stopped(); return; }
  const now = Date.now();
  const left = said + (writing ? SAY_EVERY : SAY_ANEW) - now;
  if (text && left <= 0) {
    said = now;
    writing = true;
    send({ type: "typing", thread: watched });
  } else if (text && !writing) due = window.setTimeout(typing, left);
  else if (!text) stopped();
}

function seen(): void {
  clearTimeout(hidden);
  if (document.visibilityState === "visible") {
    look();
    markRead();
    if (missed) readList();
    return;
  }
  hidden = window.setTimeout(() => { missed = true; socket?.close(1000); }, HIDDEN_FOR);
}

/** The browser knows that the network went: the socket would hear of it much later, or wait for its own end. */
function wentOff(): void {
  const gone = socket;
  lost();
  gone?.close(1000);
}

/** Back on the network: what came meanwhile is asked for at once. */
function returned(): void {
  clearTimeout(again);
  again = 0;
  failures = 0;
  look();
  wanted = true;
  readOn();
}

export function startLive(): void {
  if (!document.body.dataset["member"]) return;
  look();
  document.addEventListener("htmx:after:settle", () => { look(); markRead(); tell(); });
  document.addEventListener("input", (event) => { if ((event.target as Element).closest("#composer")) typing(); });
  document.addEventListener("visibilitychange", seen);
  addEventListener("pagehide", () => { stopped(); socket?.close(1000); });
  addEventListener("offline", wentOff);
  addEventListener("online", returned);
  addEventListener("pageshow", look);
  setInterval(tell, 1000);
}
