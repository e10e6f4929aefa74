// The wall: how many tiles, which camera on which, and which tile is chosen.

import { useState } from "preact/hooks";

export const SIZES = [1, 4, 9, 16] as const;
const KEPT = "sluice-wall-size";

export interface Wall {
  size: number;
  /** Camera ids by tile; null is empty. */
  shown: (string | null)[];
  chosen: number;
  choose: (at: number) => void;
  /** Puts a camera on a tile; one that is on the wall already moves there. The next empty tile is chosen then. */
  put: (camera: string, at: number) => void;
  clear: (at: number) => void;
  /** Tiles beyond the new size close. */
  resize: (size: number) => void;
}

interface State {
  size: number;
  shown: (string | null)[];
  chosen: number;
}

function initial(): State {
  const kept = Number(localStorage.getItem(KEPT));
  const size = SIZES.find((one) => one === kept) ?? 4;
  return { size, shown: Array<null>(size).fill(null), chosen: 0 };
}

export function put({ size, shown, chosen }: State, camera: string, at: number): State {
  if (shown[at] === camera) return { size, shown, chosen };
  const next = shown.map((one, place) => (place === at ? camera : one === camera ? null : one));
  const empty = next.findIndex((one, place) => one === null && place > at);
  const any = empty === -1 ? next.indexOf(null) : empty;
  return { size, shown: next, chosen: any === -1 ? at : any };
}

export function resize({ shown, chosen }: State, size: number): State {
  const cameras = size < shown.length ? shown.filter((one) => one !== null) : shown;
  return { size, shown: Array.from({ length: size }, (_, at) => cameras[at] ?? null), chosen: Math.min(chosen, size - 1) };
}

export function useWall(): Wall {
  const [state, set] = useState(initial);
  return {
    ...state,
    choose: (at) => set((was) => (was.chosen === at ? was : { ...was, chosen: at })),
    put: (camera, at) => set((was) => put(was, camera, at)),
    clear: (at) => set((was) => ({ ...was, shown: was.shown.map((one, place) => (place === at ? null : one)), chosen: at })),
    resize: (size) => {
      localStorage.setItem(KEPT, String(size));
      set((was) => resize(was, size));
    },
  };
}
