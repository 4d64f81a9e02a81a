// What was sent and is not known to be taken, in this tab's storage: after a reload it goes on its way again under its own key, so that it
// is in the conversation once, whatever became of it before. Storage may be forbidden: then a reload loses what is on its way.
import { member } from "./draft";

/** `at` is when it was written; `uncertain` that the desk may have it, though no answer said so; `problem` why it was refused. */
export interface Letter {
  key: string; thread: string; body: string; visibility: string; at: number;
  uncertain: boolean; problem: string;
}

const name = (): string => `letters:${member()}`;

export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function readLetters(): Letter[] {
  try {
    return member() ? (JSON.parse(sessionStorage.getItem(name()) ?? "[]") as Letter[]) : [];
  } catch {
    return [];
  }
}

export function keepLetters(letters: Letter[]): void {
  const plain = letters.map(({ key, thread, body, visibility, at, uncertain, problem }) => ({ key, thread, body, visibility, at, uncertain, problem }));
  try {
    if (plain.length) sessionStorage.setItem(name(), JSON.stringify(plain));
    else sessionStorage.removeItem(name());
  } catch { /* full or forbidden: sending goes on without */ }
}
