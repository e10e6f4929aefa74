// Fetches under a lease: an answer, or why not. The address holds the right; nothing of the login goes along.

/** The server said no, and this is what it said. */
export class RefusedFetch extends Error {
  constructor(readonly body: unknown) {
    super("refused");
  }
}

export async function fetched(url: string, signal: AbortSignal): Promise<Response> {
  const answer = await fetch(url, { signal, cache: "no-store", credentials: "omit" });
  if (answer.ok) return answer;
  const body: unknown = await answer.json().catch(() => null);
  if (body === null) throw new Error(`HTTP ${answer.status}`);
  throw new RefusedFetch(body);
}

/** Until then, or until it is no longer wanted. */
export function sleep(millis: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, millis);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
