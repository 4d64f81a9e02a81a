// The list: opens a conversation in its pane without loading the page anew, moves with j and k.
import htmx from "htmx.org";
import { pollNow } from "./poll";
import { say } from "./toast";

const wide = matchMedia("(min-width: 45.01rem)");

/** A row is pressed and not yet let go. */
let pressed = false;
/** News of the list came meanwhile. */
let missed = false;

const rows = (): HTMLAnchorElement[] => [...document.querySelectorAll<HTMLAnchorElement>(".row")].filter((row) => row.offsetParent !== null);

function current(): HTMLAnchorElement | undefined {
  const focused = document.activeElement?.closest<HTMLAnchorElement>(".row");
  return focused ?? rows().find((row) => row.hasAttribute("aria-current"));
}

export function step(by: 1 | -1): void {
  const all = rows();
  const here = current();
  const next = here ? all[all.indexOf(here) + by] : all[by === 1 ? 0 : all.length - 1];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

/** The conversation that is shown. */
const conversation = (): string | undefined => document.querySelector<HTMLElement>("#conversation")?.dataset["thread"];

/** Mark the row of the conversation that is shown; a list that came anew does not know it. */
function markCurrent(): void {
  const shown = conversation();
  for (const row of document.querySelectorAll(".row")) {
    if (row.id === `row-${shown}`) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

/** Whichever is opened last is what is shown: the list asks for one conversation at a time, and gives the former up. */
export async function open(row: HTMLAnchorElement): Promise<void> {
  if (!wide.matches) { location.assign(row.href); return; }
  row.setAttribute("hx-sync", "closest .list:replace");
  await htmx.ajax("GET", row.href, {
    source: row, target: "#conversation", select: "#conversation", swap: "outerHTML", selectOOB: "#details", push: "true",
  });
  if (row.id !== `row-${conversation()}`) return;
  document.querySelector(".desk.panes")?.classList.add("reading");
  row.classList.remove("unread");
  row.querySelector(".unread-dot")?.remove();
  markCurrent();
  say(`Opened: ${row.querySelector("strong")?.textContent ?? ""}`);
}

export function openCurrent(): void {
  const row = current();
  if (row) void open(row);
}

function click(event: MouseEvent): void {
  const target = event.target as Element;
  const row = target.closest<HTMLAnchorElement>(".row");
  if (!row || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || !wide.matches) return;
  event.preventDefault();
  void open(row);
}

/** What is pressed stays under the pointer: a list that moved meanwhile would leave the click to no row, or to another. */
function press(event: PointerEvent): void {
  pressed = event.button === 0 && (event.target as Element).closest(".row") !== null;
}

interface Swap { ctx: { sourceElement?: Element; target?: Element; response?: { status: number } } }

function swap(event: Event): void {
  const { sourceElement, target, response } = (event as CustomEvent<Swap>).detail.ctx;
  if (target?.id === "conversation") {
    // What was refused changes nothing, not even the address.
    if (response && response.status >= 400) { event.preventDefault(); return; }
    // Who waits for news of the conversation that goes holds one of the six connections that a browser has.
    document.querySelector("#news")?.dispatchEvent(new CustomEvent("htmx:abort"));
  }
  if (!pressed || sourceElement?.id !== "rows") return;
  event.preventDefault();
  missed = true;
}

/** Its click comes right after; a finger's a little later. */
function letGo(): void {
  setTimeout(() => {
    const list = document.querySelector<HTMLElement>("#rows");
    if (missed && list) pollNow(list);
    pressed = missed = false;
  }, 50);
}

export function startRows(): void {
  if (!document.querySelector(".list")) return;
  document.addEventListener("click", click);
  document.addEventListener("pointerdown", press);
  document.addEventListener("htmx:before:swap", swap);
  for (const sign of ["pointerup", "pointercancel", "contextmenu", "blur"]) addEventListener(sign, letGo);
  document.addEventListener("htmx:after:settle", markCurrent);
}
