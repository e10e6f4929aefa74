// Lists that grow page by page, and doing something once at a time. A page that comes after its list has changed is dropped.

import { useCallback, useEffect, useState } from "preact/hooks";

import { type Page, type Refusal as Said, get, refusalOf } from "../../api/client";

/** A list that grows page by page. */
export interface Listed<T> {
  items: T[] | null;
  refusal: Said | null;
  more: (() => void) | null;
  again: () => void;
}

/** A path with those of the filters that are set. */
export function filtered(path: string, filters: Record<string, string>): string {
  const set = Object.entries(filters).filter(([, value]) => value);
  return `${path}?${new URLSearchParams(set)}`;
}

/** Asks for a list; `path` is made by `filtered`. */
export function useListed<T>(path: string | null, limit = 50): Listed<T> {
  const [items, set] = useState<T[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  // A cursor belongs to its list and its turn: of another it is none.
  const [turn, next] = useState(0);
  const of = `${turn} ${path}`;
  const [at, go] = useState({ of, cursor: "" });
  const after = at.of === of ? at.cursor : "";
  const [refusal, refuse] = useState<Said | null>(null);
  useEffect(() => {
    let wanted = true;
    refuse(null);
    if (path === null) return undefined;
    const rest = after ? `&cursor=${after}` : "";
    get<Page<T>>(`${path}&limit=${limit}${rest}`).then(
      (page) => {
        if (!wanted) return;
        set((earlier) => (after && earlier ? [...earlier, ...page.items] : page.items));
        setCursor(page.next == null ? null : String(page.next));
      },
      (error: unknown) => wanted && refuse(refusalOf(error)),
    );
    return () => {
      wanted = false;
    };
  }, [path, after, turn, limit]);
  const again = useCallback(() => next((count) => count + 1), []);
  return { items, refusal, more: cursor ? () => go({ of, cursor }) : null, again };
}

/** Doing something once at a time: `run` while nothing runs, with what was refused. */
export function useDoing(): { busy: boolean; refusal: Said | null; run: (work: () => Promise<void>) => void } {
  const [busy, setBusy] = useState(false);
  const [refusal, refuse] = useState<Said | null>(null);
  const run = (work: () => Promise<void>) => {
    if (busy) return;
    setBusy(true);
    refuse(null);
    work()
      .catch((error: unknown) => refuse(refusalOf(error)))
      .finally(() => setBusy(false));
  };
  return { busy, refusal, run };
}
