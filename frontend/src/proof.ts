// The proof card opens under its message and closes again; a mark that turns to sealed is stamped once.

function slotOf(seal: HTMLElement): HTMLElement | null {
  return document.getElementById(seal.dataset["proof"] ?? "");
}

function close(slot: HTMLElement): void {
  slot.replaceChildren();
  const seal = document.querySelector<HTMLElement>(`[data-proof="${CSS.escape(slot.id)}"]`);
  seal?.setAttribute("aria-expanded", "false");
  seal?.focus();
}

function click(event: Event): void {
  const target = event.target as Element;
  const closer = target.closest("[data-close-proof]");
  const slot = closer?.closest<HTMLElement>(".proof-slot");
  const seal = target.closest<HTMLElement>("[data-proof]");
  const open = seal && slotOf(seal);
  if (slot) close(slot);
  else if (open?.firstElementChild) close(open);
  else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

let recorded = new Set<string>();

function watch(): void {
  for (const slot of document.querySelectorAll<HTMLElement>(".proof-slot:not(:empty)")) {
    document.querySelector(`[data-proof="${CSS.escape(slot.id)}"]`)?.setAttribute("aria-expanded", "true");
  }
  for (const id of recorded) {
    const seal = document.getElementById(id);
    if (seal && !seal.classList.contains("recorded")) seal.classList.add("just-sealed");
  }
  remember();
}

function remember(): void {
  recorded = new Set([...document.querySelectorAll(".seal.recorded")].map((seal) => seal.id));
}

export function startProofs(): void {
  remember();
  document.addEventListener("click", click, { capture: true });
  document.addEventListener("htmx:after:settle", watch);
  document.addEventListener("keydown", (event) => {
    const slot = event.key === "Escape" ? document.activeElement?.closest<HTMLElement>(".proof-slot") : null;
    if (slot) close(slot);
  });
}
