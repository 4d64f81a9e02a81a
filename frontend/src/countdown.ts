// Counts down to when a limit lets one go on, in the sentence the server wrote.

/** A wait in words: seconds up to a minute and a half, then minutes, as the server has it. */
export function spelled(seconds: number): string {
  const [left, unit] = seconds > 90 ? [Math.ceil(seconds / 60), "minute"] : [seconds, "second"];
  return `${left} ${unit}${left === 1 ? "" : "s"}`;
}

function tell(box: HTMLElement, left: number): void {
  if (left <= 0) box.textContent = "You can go on now.";
  else box.querySelector("b")!.textContent = spelled(left);
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
