// Who is signed in now, perhaps since another tab signed in again, and the anti-CSRF token of that session.
import { member } from "./draft";
import { toast } from "./toast";

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

/** Where one signs in to come back to this page. */
export function signInHref(): string {
  return `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}&ended=yes`;
}

/** A page left open past its session says so once, and asks for news no more. */
export function signedOut(): void {
  stopAsking("Your session has ended. What you wrote is kept in this tab; sign in to go on.", { text: "Sign in", href: signInHref() });
}

/** The session goes on, but not here, before something is done: the page loaded anew leads there. */
export function heldUp(): void {
  stopAsking("Before you go on here, something else is asked of you. What you wrote is kept in this tab.", { text: "See what", href: location.pathname + location.search });
}

function stopAsking(text: string, link: { text: string; href: string }): void {
  for (const element of document.querySelectorAll("[data-poll]")) element.removeAttribute("data-poll");
  if (!document.querySelector(".toast a")) toast(text, link);
}

/** The token that the page's forms have now. */
export function token(): string {
  return document.querySelector<HTMLInputElement>("input[name=csrf]")?.value ?? "";
}
