// The API's client as this page's machine wants it.

import { get, post, remove } from "../../api/client";
import type { Call } from "./viewings";

export const call: Call = <T,>(method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<T> => {
  if (method === "GET") return get<T>(path);
  return method === "POST" ? post<T>(path, body) : (remove(path) as Promise<T>);
};
