// What a visitor is writing, and what waits to be sent, in this tab's storage, so that a reload of the page around loses nothing. Storage may
// be forbidden in a frame: then it lasts as long as the page.

/** `path` is where it was sent to, empty where it was not; `at` is when it was written. */
export interface KeptLetter { key: string; body: string; path: string; at: number }
export interface Words { member: string; text: string; letters: KeptLetter[] }

const name = `words:${document.body.dataset["widget"] ?? ""}`;
/** The desk knows a key for a day. What is older is not sent blindly. */
const KNOWN_FOR = 20 * 3_600_000;

export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** False where memory alone has it. */
export function keepWords(words: Words): boolean {
  try {
    if (words.text || words.letters.length) sessionStorage.setItem(name, JSON.stringify(words));
    else sessionStorage.removeItem(name);
    return true;
  } catch {
    return false;
  }
}

export function dropWords(): void {
  try { sessionStorage.removeItem(name); } catch { /* nothing was kept */ }
}

/** What this visitor left; what somebody else left in this tab is forgotten. */
export function readWords(member: string): Words {
  const nothing = { member, text: "", letters: [] };
  try {
    const left = JSON.parse(sessionStorage.getItem(name) ?? "null") as Words | null;
    if (!left) return nothing;
    if (left.member !== member) { dropWords(); return nothing; }
    const known = left.letters.filter((each) => Date.now() - each.at < KNOWN_FOR);
    const old = left.letters.filter((each) => !known.includes(each)).map((each) => each.body);
    return { member, text: [...old, left.text].filter(Boolean).join("\n\n"), letters: known };
  } catch {
    return nothing;
  }
}
