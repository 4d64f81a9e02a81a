// A field that hides the rows of a list that do not hold all its words. The list's class stands in `data-filters`.

const field = (): HTMLInputElement | null => document.querySelector<HTMLInputElement>("#filter");

export function filter(): void {
  const input = field();
  if (!input) return;
  const wanted = input.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  const all = document.querySelectorAll<HTMLElement>(`${input.dataset["filters"]} li`);
  for (const item of all) {
    const text = (item.textContent ?? "").toLocaleLowerCase();
    item.hidden = !wanted.every((word) => text.includes(word));
    if (!item.hidden) shown += 1;
  }
  const none = document.querySelector("[data-clear-filter]")?.closest<HTMLElement>(".no-match");
  if (none) none.hidden = shown > 0 || all.length === 0;
}

function clear(event: Event): void {
  const input = field();
  if (!input || !(event.target as Element).closest("[data-clear-filter]")) return;
  input.value = "";
  input.focus();
  filter();
}

export function startFilter(): void {
  field()?.addEventListener("input", filter);
  document.addEventListener("click", clear);
  document.addEventListener("htmx:after:settle", filter);
  // Coming back, a browser fills the field again.
  addEventListener("pageshow", filter);
}
