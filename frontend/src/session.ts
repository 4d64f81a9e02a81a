// Who is signed in now, perhaps since another tab signed in again, and the anti-CSRF token of that session.
import { member } from "./draft";

interface Session { member: string | null; csrf_token: string | null }

async function sessionNow(): Promise<Session | null> {
  try {
    const answer = await fetch("/api/v1/session", { headers: { Accept: "application/json" } });
    return answer.ok ? ((await answer.json()) as Session) : null;
  } catch {
    return null;
  }
}

/** Take up the session that is now, if it is the same member's: every form of the page gets its token. */
export async function renew(): Promise<"renewed" | "somebody else" | "nobody"> {
  const session = await sessionNow();
  if (!session?.member || !session.csrf_token) return "nobody";
  if (session.member !== member()) return "somebody else";
  for (const input of document.querySelectorAll<HTMLInputElement>("input[name=csrf]")) input.value = session.csrf_token;
  return "renewed";
}

/** The token that the page's forms have now. */
export function token(): string {
  return document.querySelector<HTMLInputElement>("input[name=csrf]")?.value ?? "";
}
