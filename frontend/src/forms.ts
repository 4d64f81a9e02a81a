// Small manners of forms: no double sending, copying, and refusals told in a sentence.
import { gone } from "./gone";
import { tellWhy } from "./refusal";
import { heldUp, signedOut } from "./session";
import { toast } from "./toast";

function once(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement;
  if (event.defaultPrevented || form.id === "composer" || form.hasAttribute("hx-post")) return;
  const button = event.submitter as HTMLButtonElement | null;
  // After the form was read: a disabled button does not send its value.
  setTimeout(() => { if (button) button.disabled = true; });
  addEventListener("pageshow", () => { if (button) button.disabled = false; }, { once: true });
  setTimeout(() => { if (button) button.disabled = false; }, 5_000);
}

async function copy(event: Event): Promise<void> {
  const button = (event.target as Element).closest<HTMLElement>("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset["copy"] ?? "").then(() => toast("Copied."), () => toast("The browser does not allow copying here."));
}

type Asked = CustomEvent<{ ctx: { sourceElement?: Element; response?: { raw?: Response } } }>;

/** What was asked for once, and never came: a pane that stays as it was would be all there is to see. */
function unreached(event: Event): void {
  const { ctx } = (event as Asked).detail;
  if (!ctx.sourceElement?.hasAttribute("data-poll") && !ctx.response) void tellWhy(null);
}

function refused(event: Event): void {
  const { ctx } = (event as Asked).detail;
  const polls = ctx.sourceElement?.hasAttribute("data-poll");
  if (polls && ctx.response?.raw?.status === 404) gone(ctx.sourceElement!);
  else if (ctx.response?.raw?.status === 401) signedOut();
  else if (polls && ctx.response?.raw?.status === 403) heldUp();
  else if (!polls) void tellWhy(ctx.response?.raw ?? null);
}

/** A form that waited for a question to be answered is sent by itself; without scripts by its button. */
function sendAtOnce(): void {
  document.querySelector<HTMLFormElement>("form[data-at-once]")?.requestSubmit();
}

export function startForms(): void {
  document.addEventListener("submit", once);
  document.addEventListener("click", (event) => void copy(event));
  document.addEventListener("htmx:response:error", refused);
  document.addEventListener("htmx:error", unreached);
  sendAtOnce();
}
