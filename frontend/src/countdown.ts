// Counts down to when a limit lets one go on, in the sentence the server wrote.

/** As the server says it (`core.clock.in_words`). */
function inWords(seconds: number): string {
  return seconds > 90 ? `${Math.ceil(seconds / 60)} minutes` : `${seconds} ${seconds === 1 ? "second" : "seconds"}`;
}

function tell(box: HTMLElement, left: number): void {
  if (left > 0) { box.querySelector("b")!.textContent = inWords(left); return; }
  box.textContent = "You can go on now.";
  document.querySelector("[data-in-time]")?.classList.add("primary");
}

export function startCountdown(): void {
  const box = document.querySelector<HTMLElement>("[data-countdown]");
  if (!box) return;
  const end = Date.now() + Number(box.dataset["countdown"]) * 1000;
  const timer = setInterval(() => {
    const left = Math.ceil((end - Date.now()) / 1000);
    tell(box, left);
    if (left <= 0) clearInterval(timer);
  }, 1000);
}
