// What the API was asked for: its answer, or its refusal; asked again when wanted, or every so often.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { get } from "../api/client";

export interface Asked<T> {
  value: T | undefined;
  refused: unknown;
  again: () => Promise<void>;
}

/** Asks when the path changes; null asks nothing. `everyMs` asks again while the page is seen. */
export function useAsked<T>(path: string | null, everyMs?: number, ask: (path: string) => Promise<T> = get): Asked<T> {
  const [state, set] = useState<{ value?: T; refused?: unknown }>({});
  const wanted = useRef(path);
  wanted.current = path;
  const again = useCallback(async () => {
    if (path === null) return set({});
    try {
      const value = await ask(path);
      if (wanted.current === path) set({ value });
    } catch (refused) {
      if (wanted.current === path) set((was) => ({ ...was, refused }));
    }
  }, [path]);
  useEffect(() => void again(), [again]);
  useEffect(() => {
    if (!everyMs) return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") void again();
    }, everyMs);
    return () => clearInterval(timer);
  }, [again, everyMs]);
  return { value: state.value, refused: state.refused, again };
}
