// The messages that are shown: how one looks, where it stands, and what became of it.

const list = document.querySelector<HTMLElement>("#messages")!;
const start = document.querySelector<HTMLElement>("#start")!;

const atEnd = (): boolean => list.scrollHeight - list.scrollTop - list.clientHeight < 40;

export function made(name: string, body: string, mine: boolean): HTMLElement {
  const template = document.querySelector<HTMLTemplateElement>("#message")!;
  const shown = template.content.firstElementChild!.cloneNode(true) as HTMLElement;
  shown.classList.toggle("mine", mine);
  shown.querySelector(".who")!.textContent = mine ? "You" : name;
  shown.querySelector(".words")!.textContent = body;
  return shown;
}

export function state(shown: HTMLElement, text: string, ...why: (string | Node)[]): void {
  const mark = shown.querySelector<HTMLElement>(".state")!;
  mark.textContent = text;
  mark.classList.toggle("sealed", text === "sealed");
  shown.classList.toggle("refused", text === "not sent");
  shown.querySelector<HTMLElement>(".not-sent")!.hidden = why.length === 0;
  shown.querySelector(".why")!.replaceChildren(...why);
  const retry = shown.querySelector<HTMLElement>(".not-sent button")!;
  retry.textContent = text === "not sent" ? "Try again" : "Try now";
  retry.hidden = why.some((part) => part instanceof Node);  // a limit that is not over refuses again
}

const rank = (shown: Element): number => (shown === start ? 0 : Number((shown as HTMLElement).dataset["seq"] ?? Infinity));

/** Where it belongs: in the order of the record, whichever answer came first; and what waits to be sent comes last. */
export function place(shown: HTMLElement): void {
  const follow = atEnd() || shown.classList.contains("mine");
  let next: Element | null = null;
  for (let each = list.lastElementChild; each && (each === shown || rank(each) > rank(shown)); each = each.previousElementSibling) {
    if (each !== shown) next = each;
  }
  if (!shown.isConnected || shown.nextElementSibling !== next) list.insertBefore(shown, next);
  start.hidden = true;
  if (follow) list.scrollTop = list.scrollHeight;
}

/** It stands for this message from now on. */
export function recorded(shown: HTMLElement, message: { id: string; receipt: { seq: number } }): void {
  shown.dataset["id"] = message.id;
  shown.dataset["seq"] = `${message.receipt.seq}`;
  place(shown);
}

export function find(id: string): HTMLElement | null {
  return list.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`);
}

/** What is shown is of a conversation that is over for the reader: what comes now stands behind it. */
export function leaveBehind(sent: HTMLElement[]): void {
  for (const shown of [...list.querySelectorAll<HTMLElement>("[data-seq]"), ...sent]) shown.dataset["seq"] = "0";
}

/** Nothing is shown any more. */
export function clear(): void {
  start.hidden = false;
  list.replaceChildren(start);
}
