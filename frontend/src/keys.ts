// Keys for agents. They rest while a field is being written in, and with Ctrl, Alt or Meta held.
import { choose, composer } from "./composer";
import { openCurrent, step } from "./rows";

const KEYS: Record<string, () => void> = {
  j: () => step(1),
  k: () => step(-1),
  o: openCurrent,
  r: () => write("public"),
  i: () => write("internal"),
  a: () => pick("#pick-assignee"),
  s: () => pick("#pick-status"),
  "/": () => document.querySelector<HTMLInputElement>("#filter")?.focus(),
  "?": () => document.querySelector<HTMLElement>("#keys")?.togglePopover(),
};

function write(kind: "public" | "internal"): void {
  const form = composer();
  if (form) choose(form, kind);
}

function pick(selector: string): void {
  const field = document.querySelector<HTMLSelectElement>(selector);
  const details = document.querySelector<HTMLElement>("#details");
  if (!field || !details) return;
  if (field.offsetParent === null) details.showPopover();
  field.focus();
  try { field.showPicker(); } catch { /* not every browser has it; the field has the focus */ }
}

function writing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=radio], [type=checkbox]), textarea, select"));
}

function down(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape" && writing(event.target)) {
    (event.target as HTMLElement).blur();
    return;
  }
  const act = KEYS[event.key];
  if (!act || writing(event.target)) return;
  event.preventDefault();
  act();
}

export function startKeys(): void {
  if (document.querySelector("#keys")) document.addEventListener("keydown", down);
}
