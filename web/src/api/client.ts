// Calls of the API. The login is a cookie that no script can read; the header says that a page of ours asks. What is refused comes as
// `Refused`, with the code, its articles and what helps, in both languages.

import { language } from "../words";
import type { Both } from "../words";

export interface Refusal {
  code: string;
  articles: string[];
  message: Both;
  remedy: string;
  request_id: string;
  /** The field of the request that it is about. */
  field?: string | null;
  /** The faulty rows of an import. */
  rows?: ({ row: number; field: string } & Both)[] | null;
}

/** The API said no, or could not be reached. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly refusal: Refusal,
  ) {
    super(`${refusal.code}: ${refusal.message.en}`);
  }
}

const UNREACHABLE: Refusal = {
  code: "UNREACHABLE",
  articles: [],
  message: { zh: "无法连接设备。", en: "The appliance cannot be reached." },
  remedy: "",
  request_id: "",
};

const signedOut = new Set<() => void>();

/** Called when the API says that nobody is signed in any more. */
export function onSignedOut(hear: () => void): () => void {
  signedOut.add(hear);
  return () => void signedOut.delete(hear);
}

async function ask(method: string, path: string, body?: unknown, accept = "application/json"): Promise<Response> {
  const headers: Record<string, string> = { "x-sluice-console": "1", accept, "accept-language": language() };
  const sent = body instanceof Blob || typeof body === "string" ? body : body === undefined ? undefined : JSON.stringify(body);
  if (sent !== undefined) headers["content-type"] = typeof body === "string" ? "text/csv" : "application/json";
  let answer: Response;
  try {
    answer = await fetch(`/api/v1${path}`, { method, headers, body: sent ?? null, credentials: "same-origin" });
  } catch {
    throw new Refused(0, UNREACHABLE);
  }
  if (answer.ok) return answer;
  const refusal = await answer.json().catch(() => ({ ...UNREACHABLE, code: `HTTP_${answer.status}` }));
  if (answer.status === 401 && path !== "/login") signedOut.forEach((hear) => hear());
  throw new Refused(answer.status, refusal as Refusal);
}

async function json<T>(answer: Response): Promise<T> {
  const text = await answer.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

/** Paths are given without `/api/v1`. */
export const get = async <T>(path: string): Promise<T> => json<T>(await ask("GET", path));
export const post = async <T = unknown>(path: string, body: unknown = {}): Promise<T> => json<T>(await ask("POST", path, body));
export const patch = async <T = unknown>(path: string, body: unknown): Promise<T> => json<T>(await ask("PATCH", path, body));
export const put = async <T = unknown>(path: string, body: unknown): Promise<T> => json<T>(await ask("PUT", path, body));
export const remove = async <T = unknown>(path: string, body?: unknown): Promise<T> => json<T>(await ask("DELETE", path, body));
/** A file's text goes as CSV. */
export const postText = async <T = unknown>(path: string, csv: string): Promise<T> => json<T>(await ask("POST", path, csv));
export const text = async (path: string, accept = "text/csv"): Promise<string> => (await ask("GET", path, undefined, accept)).text();
export const blob = async (path: string, accept = "*/*"): Promise<Blob> => (await ask("GET", path, undefined, accept)).blob();
export const postForBlob = async (path: string, body: unknown): Promise<Blob> => (await ask("POST", path, body, "*/*")).blob();

export interface Page<T> {
  items: T[];
  next?: string | number | null;
}

/** Most pages that one list is followed through. */
const PAGES_MAX = 200;

/** All items of a list, page by page. */
export async function all<T>(path: string, limit = 10_000): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | number | null | undefined;
  for (let page = 0; page < PAGES_MAX && items.length < limit; page++) {
    const join = path.includes("?") ? "&" : "?";
    const name = path.startsWith("/ledger") ? "from" : "cursor";
    const part = await get<Page<T>>(cursor == null ? path : `${path}${join}${name}=${encodeURIComponent(cursor)}`);
    items.push(...part.items);
    cursor = part.next;
    if (cursor == null) break;
  }
  return items;
}

/** Whatever was thrown, as a refusal to show. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refused) return error.refusal;
  const said = error instanceof Error ? error.message : String(error);
  return { ...UNREACHABLE, code: "CONSOLE", message: { zh: said, en: said } };
}
