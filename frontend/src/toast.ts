// Two ways to tell: a sentence for everyone that goes after a while, and one for screen readers alone.

const SHOWN = 8_000;

export function toast(text: string): void {
  const box = document.createElement("p");
  box.className = "toast";
  box.textContent = text;
  document.getElementById("toasts")?.append(box);
  setTimeout(() => box.remove(), SHOWN);
}

export function say(text: string): void {
  const said = document.getElementById("said");
  if (said) said.textContent = text;
}
