// Drafts in this tab's storage, by member and conversation, so that a reload loses nothing and nobody sees another's words.
// Storage may be forbidden: then nothing is kept.

export interface Draft { body: string; visibility: string; subject?: string }

/** Who looks at the page; empty where nobody is signed in. */
export const member = (): string => document.body.dataset["member"] ?? "";
const name = (key: string): string => `draft:${member()}:${key}`;

/** Forget what somebody else left in this tab, and on signing out what is left of one's own: drafts, and what was not sent. */
export function forgetDrafts(keepOwn: boolean): void {
  try {
    for (const each of Object.keys(sessionStorage)) {
      const [kind, whose] = each.split(":");
      if ((kind === "draft" || kind === "letters") && !(keepOwn && whose === member())) sessionStorage.removeItem(each);
    }
  } catch { /* nothing was kept */ }
}

export function readDraft(key: string): Draft | null {
  try {
    const kept = sessionStorage.getItem(name(key));
    return kept ? (JSON.parse(kept) as Draft) : null;
  } catch {
    return null;
  }
}

export function keepDraft(key: string, draft: Draft): void {
  try {
    if (draft.body || draft.subject) sessionStorage.setItem(name(key), JSON.stringify(draft));
    else sessionStorage.removeItem(name(key));
  } catch { /* full or forbidden: writing goes on without */ }
}

export function dropDraft(key: string): void {
  keepDraft(key, { body: "", visibility: "public" });
}

/** The form of this draft is on its way from `place`. */
export function leaveDraft(key: string, place: string): void {
  try {
    sessionStorage.setItem("leaving", JSON.stringify({ key, place }));
  } catch { /* then the draft simply stays */ }
}

/** A page of a signed-in member after that: `place` again where the form was refused; any other means that it was taken. */
export function settleDraft(): void {
  try {
    const left = JSON.parse(sessionStorage.getItem("leaving") ?? "null") as { key: string; place: string } | null;
    sessionStorage.removeItem("leaving");
    if (left && location.pathname !== left.place) dropDraft(left.key);
  } catch { /* nothing was kept */ }
}
