// A form under way: what it holds, which of its faults are shown. A fault shows once its field was touched, all of them once somebody
// tried to file.

import { useState } from "preact/hooks";

import type { Refusal } from "../../api/client";
import type { Both } from "../../words";

/** What a form has in hand. */
export interface Editing<D> {
  draft: D;
  put: <K extends keyof D>(name: K) => (value: D[K]) => void;
  /** What is wrong with a field, where that is shown by now; `refusal` is the API's answer. */
  told: (name: keyof D, refusal: Refusal | null) => Both | null;
  /** True where all is well; else every fault shows from now on. */
  ready: () => boolean;
  /** How many faults show. */
  count: number;
}

/** A form that begins with `first`; `look` finds its faults. */
export function useEditing<D extends object>(first: () => D, look: (draft: D) => Partial<Record<keyof D, Both>>): Editing<D> {
  const [draft, set] = useState(first);
  const [touched, touch] = useState<Partial<Record<keyof D, boolean>>>({});
  const [tried, tryIt] = useState(false);
  const faults = look(draft);
  const count = Object.keys(faults).length;
  return {
    draft,
    put: (name) => (value) => {
      set((before) => ({ ...before, [name]: value }));
      touch((before) => ({ ...before, [name]: true }));
    },
    told: (name, refusal) => {
      const field = refusal?.field?.replace(/^terms\./, "");
      return (tried || touched[name] ? faults[name] : undefined) ?? (refusal && field === name ? refusal.message : null);
    },
    ready: () => {
      tryIt(true);
      return count === 0;
    },
    count: tried ? count : 0,
  };
}
