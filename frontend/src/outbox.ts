// Sending without waiting: a letter stands in the outbox at once, goes on its way in order, and leaves the outbox when the timeline shows
// it. While the desk can't be reached or asks to wait, it waits, and what was written after it waits behind it; then it goes by itself. What
// is refused for another reason stays and says why. It is always tried again under the same idempotency key, after a reload too.
import { composer } from "./composer";
import { clockFace, countDown } from "./countdown";
import { dropDraft } from "./draft";
import { keepLetters, newKey, readLetters, type Letter } from "./letters";
import { pollNow } from "./poll";
import { patience, reason, tooMuch } from "./problem";
import { renew, signInHref, token } from "./session";
import { say, toast } from "./toast";

const PATIENCE = 20_000;
const LONGEST = 15;
/** The desk knows a key for a day. */
const KNOWN_FOR = 20 * 3_600_000;

/** `entry` is the one that records it, once it is taken. */
interface Sending extends Letter { shown: HTMLElement | null; entry: string; ended: boolean }

let letters: Sending[] = [];
let working = false;
let failures = 0;
/** The letter that waits for the desk, and what ends its wait early. */
let held: Sending | null = null;
let hurry = (): void => undefined;
/** That wait is as long as the desk asked for: being on the network again changes nothing. */
let asked = false;

const openThread = (): string => document.querySelector<HTMLElement>("#conversation")?.dataset["thread"] ?? "";
const keep = (): void => keepLetters(letters.filter((letter) => !letter.entry));

/** Put a letter where it is seen, if its conversation is shown; the others wait unseen. */
function place(letter: Sending): void {
  const box = document.querySelector("#outbox");
  if (!box || letter.thread !== openThread() || letter.shown?.isConnected) return;
  letter.shown ??= made(letter);
  if (letter.shown) box.append(letter.shown);
}

function made(letter: Sending): HTMLElement | null {
  const template = document.querySelector<HTMLTemplateElement>("#sending");
  letter.shown = (template?.content.firstElementChild?.cloneNode(true) as HTMLElement | undefined) ?? null;
  letter.shown?.classList.toggle("note", letter.visibility === "internal");
  if (letter.shown) letter.shown.querySelector(".body")!.textContent = letter.body;
  if (letter.problem) mark(letter, "not sent", letter.problem);
  else mark(letter, "waiting");
  return letter.shown;
}

function state(letter: Sending, now: string): void {
  if (letter.shown) letter.shown.querySelector(".state")!.textContent = now;
}

function mark(letter: Sending, now: string, ...problem: (string | Node)[]): void {
  if (!letter.shown) return;
  letter.shown.classList.toggle("refused", letter.problem !== "");
  state(letter, now);
  const box = letter.shown.querySelector<HTMLElement>(".sending-problem")!;
  box.hidden = problem.length === 0;
  box.querySelector("span")!.replaceChildren(...problem);
  const retry = box.querySelector<HTMLElement>("[data-retry]")!;
  retry.textContent = letter.problem ? "Try again" : "Try now";
  retry.hidden = problem.some((part) => part instanceof Node);  // a limit that is not over refuses again
  // Written anew it would be another message, and perhaps there twice.
  box.querySelector<HTMLElement>("[data-edit]")!.hidden = letter.uncertain || !composer();
  const link = box.querySelector("a")!;
  link.hidden = !letter.ended;
  link.href = signInHref();
}

/** The timeline is reversed: its end is where it is not scrolled at all. */
function toEnd(): void {
  document.querySelector(".timeline")?.scrollTo({ top: 0 });
}

async function post(letter: Letter): Promise<Response | null> {
  try {
    return await fetch(`/api/v1/threads/${letter.thread}/messages`, {
      method: "POST", body: JSON.stringify({ body: letter.body, visibility: letter.visibility }), redirect: "error",
      headers: {
        "Accept": "application/json, application/problem+json", "Content-Type": "application/json",
        "Idempotency-Key": letter.key, "X-CSRF-Token": token(),
      },
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch {
    return null;
  }
}

async function deliver(letter: Sending): Promise<void> {
  const before = letter.uncertain;
  place(letter);
  if (failures) state(letter, "sending…");
  else mark(letter, "sending…");
  letter.uncertain = true;
  keep();
  let answer = await post(letter);
  // The session may be a newer one, from another tab.
  if (answer && [401, 403].includes(answer.status) && await renew() === "renewed") answer = await post(letter);
  letter.uncertain = before || answer === null || answer.status >= 500;
  if (answer?.ok) await taken(letter, answer);
  else if (answer === null || patience(answer)) await wait(letter, answer);
  else await refuse(letter, answer);
}

async function taken(letter: Sending, answer: Response): Promise<void> {
  failures = 0;
  letter.entry = ((await answer.json()) as { receipt: { entry_id: string } }).receipt.entry_id;
  keep();
  mark(letter, "sent");
  say("Sent");
  // From an earlier stretch the message would stand where it does not belong.
  if (letter.thread === openThread() && new URLSearchParams(location.search).has("earlier")) { location.assign(location.pathname); return; }
  clear();
  const news = document.querySelector<HTMLElement>("#news");
  if (news && letter.thread === openThread()) pollNow(news);
}

/** Hold this letter, and what comes after it, until the desk may be asked again. */
async function wait(letter: Sending, answer: Response | null): Promise<void> {
  const seconds = patience(answer), why = tooMuch(answer);
  failures += 1;
  if (seconds) {
    const face = clockFace(seconds);
    mark(letter, "waiting", `${why} This is sent by itself in `, face, "; it is kept here.");
    countDown(face, seconds);
    say(`${why} Your message is sent by itself in ${face.textContent}.`);
  } else {
    mark(letter, "waiting", "The desk can't be reached. This is sent by itself as soon as it can; it is kept here.");
    if (failures === 1) say("The desk can't be reached. Your message is sent by itself as soon as it can.");
  }
  if (failures === 1) letter.shown?.scrollIntoView({ block: "nearest" });
  held = letter;
  asked = seconds > 0;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, (seconds || Math.min(LONGEST, 2 ** (failures - 1))) * 1000);
    hurry = () => { clearTimeout(timer); resolve(); };
  });
  asked = false;
  held = null;
}

async function refuse(letter: Sending, answer: Response): Promise<void> {
  failures = 0;
  // What the desk looked at and refused is not there, also from an earlier try.
  if (answer.status < 500 && ![401, 403].includes(answer.status)) letter.uncertain = false;
  letter.problem = await reason(answer);
  letter.ended = answer.status === 401;
  // Whoever signs in to send it has it sent: it is kept as one that waits.
  if (letter.ended) keepLetters(letters.filter((each) => !each.entry).map((each) => (each.ended ? { ...each, problem: "" } : each)));
  else keep();
  mark(letter, "not sent", letter.problem);
  say(`Not sent. ${letter.problem}`);
  if (letter.shown?.isConnected) letter.shown.scrollIntoView({ block: "nearest" });
  else toast(`A message was not sent. ${letter.problem}`, { text: "See which", href: `/c/${letter.thread}` });
}

async function work(): Promise<void> {
  if (working) return;
  working = true;
  for (let next; (next = letters.find((letter) => !letter.entry && !letter.problem)); ) await deliver(next);
  working = false;
}

/** Once more: perhaps after signing in again, so with the token of the session that is now. Never as somebody else. */
async function sendAgain(letter: Sending): Promise<void> {
  if (!letter.problem) { hurry(); return; }
  if (await renew() === "somebody else") {
    letter.ended = true;
    mark(letter, "not sent", "Someone else is signed in now. Sign in as yourself in another tab, then try again.");
    return;
  }
  letter.problem = "";
  letter.ended = false;
  void work();
}

function drop(letter: Sending): void {
  letters = letters.filter((each) => each !== letter);
  letter.shown?.remove();
  keep();
  if (held === letter) hurry();
}

function edit(letter: Sending): void {
  const form = composer();
  const text = form?.querySelector<HTMLTextAreaElement>("textarea");
  if (!form || !text) return;
  text.value = text.value ? `${letter.body}\n\n${text.value}` : letter.body;
  text.dispatchEvent(new Event("input", { bubbles: true }));
  drop(letter);
  text.focus();
}

function submit(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement;
  const text = form.querySelector("textarea");
  const thread = form.dataset["thread"];
  if (form.id !== "composer" || !text || !thread) return;
  event.preventDefault();
  const visibility = new FormData(form).get("visibility")?.toString() ?? "public";
  letters.push({
    key: newKey(), thread, body: text.value, visibility, at: Date.now(), uncertain: false, problem: "", shown: null, entry: "", ended: false,
  });
  keep();
  place(letters.at(-1)!);
  text.value = "";
  text.dispatchEvent(new Event("input", { bubbles: true }));
  dropDraft(thread);
  toEnd();
  void work();
}

/** Show what belongs to the conversation that is shown, and take out what was taken and now stands in the timeline. */
function clear(): void {
  for (const letter of [...letters]) {
    if (letter.entry && (letter.thread !== openThread() || document.getElementById(`e-${letter.entry}`))) drop(letter);
    else place(letter);
  }
}

/** What a former page of this tab left goes on. What is older than the desk's memory of its key may be there already, and is not sent blindly. */
function resume(): void {
  for (const each of readLetters()) {
    const ended = false;
    const problem = each.problem || (Date.now() - each.at < KNOWN_FOR ? "" : "This was written a while ago and may be there already. Look before you send it again.");
    letters.push({ ...each, problem, shown: null, entry: "", ended });
  }
  clear();
  void work();
}

export function startOutbox(): void {
  document.addEventListener("submit", submit);
  document.addEventListener("htmx:after:settle", clear);
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const letter = target.closest("[data-retry], [data-edit]") && letters.find((each) => each.shown?.contains(target));
    if (!letter) return;
    if (target.closest("[data-edit]")) edit(letter);
    else void sendAgain(letter);
  });
  addEventListener("online", () => { if (!asked) hurry(); });
  resume();
}
