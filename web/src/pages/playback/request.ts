// The request for an export as it is typed: what is wrong with it, and what is sent. The rules are the server's; here they are told early.

import type { Span } from "./coverage";

/** A region of the picture, in thousandths of its width and height, from the upper left. */
export interface Region {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** What is typed. */
export interface Draft {
  purpose: string;
  reason: string;
  recipient: string;
  medium: string;
  forMedia: boolean;
  mediaRelease: string;
  redact: Region[];
}

/** What can be wrong, by the field it is about; the values are keys of the page's words. */
export type Faults = Partial<Record<keyof Draft | "selection", "required" | "noSelection" | "fourHours" | "past">>;

export const EXPORT_MS_MAX = 4 * 3_600_000;
export const REGIONS_MAX = 32;
/** Narrower or lower, and the server takes it for a slip of the hand. */
export const REGION_MIN = 20;

export const emptyDraft = (purpose: string, reason: string): Draft => ({
  purpose,
  reason,
  recipient: "",
  medium: "",
  forMedia: false,
  mediaRelease: "",
  redact: [],
});

/** What is wrong with a request. */
export function faultsOf(draft: Draft, selection: Span | null, now: number): Faults {
  const faults: Faults = {};
  for (const field of ["purpose", "reason", "recipient", "medium"] as const) {
    if (draft[field].trim() === "") faults[field] = "required";
  }
  if (draft.forMedia && draft.mediaRelease.trim() === "") faults.mediaRelease = "required";
  if (!selection) faults.selection = "noSelection";
  else if (selection.to > now) faults.selection = "past";
  else if (selection.to - selection.from > EXPORT_MS_MAX) faults.selection = "fourHours";
  return faults;
}

/** What is sent. */
export function exportForm(camera: string, draft: Draft, selection: Span): Record<string, unknown> {
  return {
    camera,
    from: new Date(selection.from).toISOString(),
    to: new Date(selection.to).toISOString(),
    purpose: draft.purpose,
    reason: draft.reason.trim(),
    recipient: draft.recipient.trim(),
    medium: draft.medium.trim(),
    for_media: draft.forMedia,
    ...(draft.forMedia ? { media_release: draft.mediaRelease.trim() } : {}),
    redact: draft.redact,
  };
}

/** The region between two corners, each a share (0 to 1) of the picture; none where it is too small to be meant. */
export function regionBetween(a: [number, number], b: [number, number]): Region | null {
  const edge = (n: number) => Math.round(Math.min(1, Math.max(0, n)) * 1000);
  const [left, right] = [edge(Math.min(a[0], b[0])), edge(Math.max(a[0], b[0]))];
  const [top, bottom] = [edge(Math.min(a[1], b[1])), edge(Math.max(a[1], b[1]))];
  return bounded({ x: left, y: top, w: right - left, h: bottom - top }, false);
}

/** The region with each number where the server takes it; none where it is too small and `grow` is false. */
export function bounded(region: Region, grow = true): Region | null {
  if (!grow && (region.w < REGION_MIN || region.h < REGION_MIN)) return null;
  const within = (n: number, low: number, high: number) => Math.min(high, Math.max(low, Math.round(n) || 0));
  const [x, y] = [within(region.x, 0, 1000 - REGION_MIN), within(region.y, 0, 1000 - REGION_MIN)];
  return { x, y, w: within(region.w, REGION_MIN, 1000 - x), h: within(region.h, REGION_MIN, 1000 - y) };
}
