// The stretch of time that a timeline shows: zooming, moving, where instants lie in it, and its ticks.

import type { Span } from "./coverage";

/** From one second to a month. */
export const SPAN_MS_MIN = 1_000;
export const SPAN_MS_MAX = 31 * 86_400_000;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Distances between ticks that people count in. */
const STEPS = [
  100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE,
  30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY,
];

export const lengthOf = (view: Span) => view.to - view.from;

/** The view with its length times `factor`, so that `anchor` stays where it is. */
export function zoomed(view: Span, factor: number, anchor: number): Span {
  const length = Math.min(SPAN_MS_MAX, Math.max(SPAN_MS_MIN, lengthOf(view) * factor));
  const share = (Math.min(view.to, Math.max(view.from, anchor)) - view.from) / lengthOf(view);
  const from = anchor - share * length;
  return { from, to: from + length };
}

/** The view moved by a share of its length, but not away from what has been by more than its half. */
export function moved(view: Span, share: number, now: number): Span {
  const length = lengthOf(view);
  const from = Math.min(view.from + share * length, now - length / 2);
  return { from, to: from + length };
}

/** The view, moved as little as it takes for `at` to lie in it. */
export function showing(view: Span, at: number): Span {
  const length = lengthOf(view);
  if (at >= view.from && at <= view.to) return view;
  const from = at - length * (at < view.from ? 0.1 : 0.9);
  return { from, to: from + length };
}

export const place = (view: Span, at: number, width: number) => ((at - view.from) / lengthOf(view)) * width;
export const instantAt = (view: Span, x: number, width: number) => view.from + (x / width) * lengthOf(view);

/** A mark on the scale; `major` ones say the day as well. */
export interface Tick {
  at: number;
  label: string;
  major: boolean;
}

/** Ticks no nearer than `apart` pixels; in local time. */
export function ticks(view: Span, width: number, apart = 84): Tick[] {
  const wanted = (lengthOf(view) / width) * apart;
  const step = STEPS.find((each) => each >= wanted) ?? 7 * DAY;
  // Days begin at local midnight; a change of the clocks within a view would move ticks by an hour, which is as it is.
  const shift = new Date(view.from).getTimezoneOffset() * MINUTE;
  const first = Math.ceil((view.from - shift) / step) * step + shift;
  const out: Tick[] = [];
  for (let at = first; at <= view.to && out.length < 200; at += step) {
    const midnight = (at - shift) % DAY === 0;
    out.push({ at, label: midnight ? day(at) : time(at, step), major: midnight });
  }
  return out;
}

const two = (n: number) => String(n).padStart(2, "0");

/** `11-27`. */
export function day(at: number): string {
  const date = new Date(at);
  return `${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** `08:21`, with seconds and tenths as the step has them. */
export function time(at: number, step: number): string {
  const date = new Date(at);
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (step >= MINUTE) return minutes;
  const seconds = `${minutes}:${two(date.getSeconds())}`;
  return step >= SECOND ? seconds : `${seconds}.${Math.floor(date.getMilliseconds() / 100)}`;
}

/** `2026-11-27 08:21:30.120`, in local time; `digits` of the second, 0 to 3. */
export function stamp(at: number, digits: 0 | 1 | 3 = 0): string {
  const date = new Date(at);
  const rest = digits ? `.${String(date.getMilliseconds()).padStart(3, "0").slice(0, digits)}` : "";
  return `${date.getFullYear()}-${day(at)} ${time(at, SECOND)}${rest}`;
}

/** How long something took, the way people say it: `2 d 3 h`, `4 min 5 s`, `0.4 s`. */
export function length(millis: number): string {
  if (millis < MINUTE) return `${(millis / SECOND).toFixed(millis < 10 * SECOND ? 1 : 0)} s`;
  const parts: [number, string][] = [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"], [SECOND, "s"]];
  const begin = parts.findIndex(([unit]) => millis >= unit);
  let rest = millis;
  const words = parts.slice(begin, begin + 2).map(([unit, word]) => {
    const count = Math.floor(rest / unit);
    rest -= count * unit;
    return count ? `${count} ${word}` : "";
  });
  return words.filter(Boolean).join(" ");
}
