// Turns a refused answer into a sentence: what happened, what was kept, what to do.
import { inWords } from "./countdown";

interface Details { title?: string; detail?: string }

const FALLBACK: Record<number, string> = {
  401: "Your session has ended. What you wrote is kept; sign in to go on.",
  403: "The form has expired. Try again, or reload the page; what you wrote is kept.",
  404: "This conversation is no longer within reach.",
  412: "Someone else changed this in the meantime. Reload the page to see it.",
  413: "This is too long to send.",
};

/** How many seconds the desk asks to wait before the same is tried again; 0 where it says nothing. */
export function patience(answer: Response | null): number {
  const wait = Number(answer?.headers.get("Retry-After"));
  return answer && [429, 503].includes(answer.status) && wait > 0 ? wait : 0;
}

/** Why one is asked to wait. */
export const tooMuch = (answer: Response | null): string => (answer?.status === 503 ? "The desk is busy." : "Too many at once.");

/** The reason a person can act on; `answer` is null when the desk could not be reached. */
export async function reason(answer: Response | null): Promise<string> {
  if (!answer) return "The desk can't be reached. What you wrote is kept here.";
  const wait = patience(answer);
  if (wait) return `${tooMuch(answer)} Try again in ${inWords(wait)}; what you wrote is kept here.`;
  const known = FALLBACK[answer.status];
  if (known) return known;
  if (answer.headers.get("Content-Type")?.includes("json")) {
    const details = (await answer.json().catch(() => ({}))) as Details;
    if (details.detail ?? details.title) return `${details.detail ?? details.title}`;
  }
  return "Something went wrong at the desk. What you wrote is kept here.";
}
