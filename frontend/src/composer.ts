// The composer: drafts, Ctrl-Enter, and the count of bytes near the limit.
import { forgetDrafts, keepDraft, leaveDraft, member, readDraft, settleDraft } from "./draft";

const NEAR = 0.85;
const encoder = new TextEncoder();
const taken = new WeakSet<HTMLFormElement>();

export function composer(): HTMLFormElement | null {
  return document.querySelector<HTMLFormElement>("#composer");
}

function body(form: HTMLFormElement): HTMLTextAreaElement | null {
  return form.querySelector<HTMLTextAreaElement>("textarea[name=body]");
}

function visibility(form: HTMLFormElement): string {
  return new FormData(form).get("visibility")?.toString() ?? "public";
}

function key(form: HTMLFormElement): string | undefined {
  return form.dataset["thread"] ?? form.dataset["draft"];
}

function subject(form: HTMLFormElement): HTMLInputElement | null {
  return form.querySelector<HTMLInputElement>("input[name=subject]");
}

export function choose(form: HTMLFormElement, kind: "public" | "internal"): void {
  const radio = form.querySelector<HTMLInputElement>(`input[type=radio][value=${kind}]`);
  if (radio && !radio.checked) {
    radio.checked = true;
    radio.dispatchEvent(new Event("input", { bubbles: true }));
  }
  body(form)?.focus();
}

function count(form: HTMLFormElement): void {
  const text = body(form);
  const output = form.querySelector<HTMLOutputElement>(".bytes");
  const limit = Number(form.dataset["maxBytes"]);
  if (!text || !output || !limit) return;
  const used = encoder.encode(text.value).length;
  const over = used > limit;
  output.hidden = used < limit * NEAR;
  output.textContent = over ? `${(used - limit).toLocaleString("en")} bytes too long` : `${(limit - used).toLocaleString("en")} bytes left`;
  output.classList.toggle("over", over);
  text.setCustomValidity(over ? "This is too long for one message. Send it in two." : "");
}

/** Bring the draft of this form back and watch it. Called again when another conversation is shown. */
function take(form: HTMLFormElement): void {
  if (taken.has(form)) return;
  taken.add(form);
  const text = body(form);
  const draft = readDraft(key(form) ?? "");
  if (draft && text && !text.value) {
    text.value = draft.body;
    const title = subject(form);
    if (title && !title.value) title.value = draft.subject ?? "";
    const radio = form.querySelector<HTMLInputElement>(`input[type=radio][value="${draft.visibility === "internal" ? "internal" : "public"}"]`);
    if (radio) radio.checked = true;
  }
  count(form);
}

function kept(form: HTMLFormElement): void {
  const name = key(form);
  if (name) keepDraft(name, { body: body(form)?.value ?? "", visibility: visibility(form), subject: subject(form)?.value ?? "" });
}

function takeAll(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("#composer, form[data-draft]")) take(form);
}

export function startComposer(): void {
  if (member()) {
    forgetDrafts(true);
    settleDraft();
  }
  takeAll();
  document.addEventListener("htmx:after:settle", takeAll);
  document.addEventListener("input", (event) => {
    const form = (event.target as Element).closest<HTMLFormElement>("#composer, form[data-draft]");
    if (!form) return;
    count(form);
    kept(form);
  });
  document.addEventListener("keydown", (event) => {
    const form = (event.target as Element).closest?.<HTMLFormElement>("#composer, form[data-draft]");
    if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  // A form that leaves the page keeps its draft until the next page shows that it was taken: a sign-in may come between.
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (new URL(form.action).pathname === "/sign-out") forgetDrafts(false);
    if (form.dataset["draft"]) leaveDraft(form.dataset["draft"], location.pathname);
  });
}
