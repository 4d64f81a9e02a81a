// Who is signed in now, perhaps since another tab signed in again, and the anti-CSRF token of that session.

export interface Session { member: string | null; csrf_token: string | null }

export async function sessionNow(): Promise<Session | null> {
  try {
    const answer = await fetch("/api/v1/session", { headers: { Accept: "application/json" } });
    return answer.ok ? ((await answer.json()) as Session) : null;
  } catch {
    return null;
  }
}
