// Two ways to tell: a sentence for everyone that goes after a while, and one for screen readers alone.

const SHOWN = 8_000;

/** Show a sentence; one with a link stays until it is followed, any other for some seconds, or for as long as `until` says. */
export function toast(text: string, link?: { text: string; href: string }, until: number = SHOWN): HTMLElement {
  const box = document.createElement("p");
  box.className = "toast";
  box.textContent = text;
  document.getElementById("toasts")?.append(box);
  if (!link) { setTimeout(() => box.remove(), until); return box; }
  const anchor = document.createElement("a");
  anchor.href = link.href;
  anchor.textContent = link.text;
  box.append(" ", anchor);
  return box;
}

export function say(text: string): void {
  const said = document.getElementById("said");
  if (said) said.textContent = text;
}
