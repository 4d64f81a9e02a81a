// A visit's token, and requests under it. Storage may be forbidden in a frame: then the visit lasts as long as the page.

/** `member` is missing where an older page of this tab kept it. */
export interface Visit { token: string; name: string; member?: string }

const key = `visit:${document.body.dataset["widget"] ?? ""}`;
let visit: Visit | null = read();

function read(): Visit | null {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "null") as Visit | null;
  } catch {
    return null;
  }
}

export const kept = (): boolean => visit !== null;
export const visitor = (): string => visit?.name ?? "";
export const member = (): string => visit?.member ?? "";

export function keep({ token, name, member }: Required<Visit>): void {
  visit = { token, name, member };
  try { sessionStorage.setItem(key, JSON.stringify(visit)); } catch { /* memory has it */ }
}

export function forget(): void {
  visit = null;
  try { sessionStorage.removeItem(key); } catch { /* nothing was kept */ }
}

/** A request to the desk; null where it can't be reached. No cookie goes along, and none is taken. */
export async function call(method: string, path: string, body?: unknown, idempotency?: string, patience = 20_000): Promise<Response | null> {
  const headers: Record<string, string> = { Accept: "application/json, application/problem+json" };
  if (visit) headers["Authorization"] = `Bearer ${visit.token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (idempotency) headers["Idempotency-Key"] = idempotency;
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  try {
    return await fetch(path, { method, headers, ...sent, credentials: "omit", cache: "no-store", redirect: "error", signal: AbortSignal.timeout(patience) });
  } catch {
    return null;
  }
}
