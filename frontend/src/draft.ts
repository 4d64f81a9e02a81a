// Drafts in this tab's storage, keyed by conversation, so that a reload loses nothing. Storage may be forbidden: then nothing is kept.

export interface Draft { body: string; visibility: string; subject?: string }

const name = (key: string): string => `draft:${key}`;

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

/** A page after that: it is `place` again or one of `between` where the form was refused; any other means that it was taken. */
export function settleDraft(between: string[]): void {
  try {
    const left = JSON.parse(sessionStorage.getItem("leaving") ?? "null") as { key: string; place: string } | null;
    if (!left || between.includes(location.pathname)) return;
    sessionStorage.removeItem("leaving");
    if (location.pathname !== left.place) dropDraft(left.key);
  } catch { /* nothing was kept */ }
}
