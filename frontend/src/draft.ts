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
