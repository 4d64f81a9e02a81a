// Asks for news: fires "poll" on every element with data-poll, each so many milliseconds, while the tab can be seen.
// After ten minutes without a key or a pointer the pace drops to a sixth, except where something waits to be sealed.

const TICK = 250;
const IDLE_AFTER = 600_000;
const last = new WeakMap<Element, number>();
const lastOfId = new Map<string, number>();
let active = Date.now();

function due(element: HTMLElement, now: number): boolean {
  const every = Number(element.dataset["poll"]);
  const since = last.get(element) ?? lastOfId.get(element.id);
  if (since === undefined) {
    last.set(element, now);
    return false;
  }
  const pace = every > 1000 && now - active > IDLE_AFTER ? every * 6 : every;
  return now - since >= pace && !element.classList.contains("htmx-request");
}

/** Ask at once, whatever the pace. */
export function pollNow(element: HTMLElement): void {
  const now = Date.now();
  last.set(element, now);
  lastOfId.set(element.id, now);
  element.dispatchEvent(new CustomEvent("poll"));
}

function tick(): void {
  if (document.visibilityState !== "visible") return;
  const now = Date.now();
  for (const element of document.querySelectorAll<HTMLElement>("[data-poll]")) if (due(element, now)) pollNow(element);
}

export function startPolling(): void {
  for (const sign of ["keydown", "pointerdown", "pointermove"]) addEventListener(sign, () => { active = Date.now(); }, { passive: true });
  setInterval(tick, TICK);
}
