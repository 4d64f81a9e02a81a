// Counts down to when a limit lets one go on. The number is no news to a screen reader: only the sentence is told when it comes, and its end.
import { say } from "./toast";

/** As the server says it (`core.clock.in_words`). */
export function inWords(seconds: number): string {
  return seconds > 90 ? `${Math.ceil(seconds / 60)} minutes` : `${seconds} ${seconds === 1 ? "second" : "seconds"}`;
}

/** Where the time that is left stands within a sentence; whoever can't see it tick reads it there, unannounced. */
export function clockFace(seconds: number): HTMLElement {
  const face = document.createElement("b");
  face.setAttribute("role", "timer");
  face.setAttribute("aria-live", "off");
  face.textContent = inWords(seconds);
  return face;
}

/** Let `face` tell what is left, down to nothing; then call `over`. */
export function countDown(face: Element, seconds: number, over: () => void = () => undefined): void {
  const end = Date.now() + seconds * 1000;
  const tick = (): void => {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left <= 0) { over(); return; }
    const words = inWords(left);
    if (face.textContent !== words) face.textContent = words;
    setTimeout(tick, (end - Date.now()) % 1000 || 1000);
  };
  tick();
}

export function startCountdown(): void {
  const box = document.querySelector<HTMLElement>("[data-countdown]");
  const face = box?.querySelector("b");
  if (!box || !face) return;
  countDown(face, Number(box.dataset["countdown"]), () => {
    box.textContent = "You can go on now.";
    say("You can go on now.");
    document.querySelector("[data-in-time]")?.classList.add("primary");
  });
}
