// Asks for news: fires "poll" on every element with data-poll, each so many milliseconds, while the tab can be seen.
// After ten minutes without a key or a pointer the pace drops to a sixth, except where something waits to be sealed. While the desk can't be
// reached, or fails, it is asked ever more seldom, so that it isn't overrun when it is back.

import { patience } from "./problem";

const TICK = 250;
const IDLE_AFTER = 600_000;
const SELDOM = 4_000;
const last = new WeakMap<Element, number>();
const lastOfId = new Map<string, number>();
let active = Date.now();
let live = false;
let failures = 0;
/** How often each of them failed in a row: another that is answered is no answer to what rang. */
const failed = new Map<string, number>();
/** Until when the desk wants to be left alone, and what is to be asked at once when that is over. */
let quietUntil = 0;
const owed = new Set<string>();

/** With a live socket nobody waits at the desk: a bell says when to ask, and now and then it is asked all the same. */
export function setLive(on: boolean): void {
  live = on;
}

/** Whether what was asked for last was answered. */
export const reached = (): boolean => failures === 0;

const rung = (element: Element): boolean => live && element.id === "news";

function pace(element: HTMLElement): number {
  // What rang and could not be had is asked for again as without a bell: none comes for it once more.
  if (!rung(element) || failed.has(element.id)) return Number(element.dataset["poll"]);
  return element.getAttribute("hx-get")?.includes("&unsealed=yes") ? 1_000 : 15_000;
}

function due(element: HTMLElement, now: number): boolean {
  if (now < quietUntil) return false;
  if (owed.has(element.id)) return !element.classList.contains("htmx-request");
  const every = pace(element);
  const since = last.get(element) ?? lastOfId.get(element.id);
  if (since === undefined) {
    last.set(element, now);
    return false;
  }
  const slow = every > 1000 && now - active > IDLE_AFTER ? every * 6 : every;
  const tries = Math.max(failures, failed.get(element.id) ?? 0);
  const patient = tries ? Math.max(slow, Math.min(SELDOM, TICK * 2 ** tries)) : slow;
  return now - since >= patient && !element.classList.contains("htmx-request");
}

/** Ask at once, whatever the pace; or as soon as the desk may be asked again. */
export function pollNow(element: HTMLElement): void {
  const now = Date.now();
  if (now < quietUntil) { owed.add(element.id); return; }
  owed.delete(element.id);
  last.set(element, now);
  lastOfId.set(element.id, now);
  element.dispatchEvent(new CustomEvent("poll"));
}

function tick(): void {
  if (document.visibilityState !== "visible") return;
  const now = Date.now();
  for (const element of document.querySelectorAll<HTMLElement>("[data-poll]")) if (due(element, now)) pollNow(element);
}

interface Asked { ctx: { sourceElement?: Element; status?: string; response?: { status: number; raw: Response } } }

/** Count what failed in a row, of what is asked again and again; not what was given up. */
function told(event: Event): void {
  const { ctx } = (event as CustomEvent<Asked>).detail;
  if (!ctx?.sourceElement?.hasAttribute("data-poll") || ctx.status?.startsWith("error: AbortError")) return;
  const { id } = ctx.sourceElement;
  if (ctx.response && ctx.response.status < 500) { failures = 0; failed.delete(id); }
  else { failures += 1; failed.set(id, (failed.get(id) ?? 0) + 1); }
  quietUntil = Math.max(quietUntil, Date.now() + patience(ctx.response?.raw ?? null) * 1000);
}

export function startPolling(): void {
  document.addEventListener("htmx:finally:request", told);
  document.addEventListener("htmx:config:request", (event) => {
    const { request, sourceElement } = (event as CustomEvent<{ ctx: { request: { action: string }; sourceElement: Element } }>).detail.ctx;
    if (rung(sourceElement)) request.action = request.action.replace(/&wait=\d+/, "");
  });
  for (const sign of ["keydown", "pointerdown", "pointermove"]) addEventListener(sign, () => { active = Date.now(); }, { passive: true });
  setInterval(tick, TICK);
}
