// Languages: every word is there in both, Chinese first. The choice is kept in the browser.

import { useEffect, useState } from "preact/hooks";

/** A word or sentence in both languages; `{name}` is a place for a value. */
export interface Both {
  zh: string;
  en: string;
}

export type Language = keyof Both;

const KEPT = "sluice-language";
const hearers = new Set<() => void>();
let current: Language = kept();

function kept(): Language {
  const said = localStorage.getItem(KEPT);
  if (said === "zh" || said === "en") return said;
  // Chinese first, whatever the browser says: it is the language of the forms.
  return "zh";
}

/** The language in force. */
export function language(): Language {
  return current;
}

export function setLanguage(to: Language): void {
  current = to;
  localStorage.setItem(KEPT, to);
  document.documentElement.lang = to === "zh" ? "zh-CN" : "en";
  hearers.forEach((hear) => hear());
}

/** A word in the language in force. */
export function say(word: Both, values?: Record<string, string | number>): string {
  const text = word[current];
  return values ? text.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place)) : text;
}

/** The same for a component, which is drawn anew when the language changes. */
export function useT(): typeof say {
  const [, redraw] = useState(0);
  useEffect(() => {
    const hear = () => redraw((n) => n + 1);
    hearers.add(hear);
    return () => void hearers.delete(hear);
  }, []);
  return say;
}

/** For `toLocaleString` and the like. */
export function locale(): string {
  return current === "zh" ? "zh-CN" : "en-GB";
}

const DATE: Intl.DateTimeFormatOptions = { year: "numeric", month: "2-digit", day: "2-digit" };
const TIME: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false };

/** An instant of the API as date and time of this terminal; empty for none. */
export function when(at: string | null | undefined): string {
  if (!at) return "";
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? at : date.toLocaleString(locale(), { ...DATE, ...TIME });
}

/** The day alone. */
export function day(at: string | null | undefined): string {
  return at ? new Date(at).toLocaleDateString(locale(), DATE) : "";
}

/** Seconds as h:mm:ss or m:ss. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Bytes in units of 1024. */
export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [value, unit] = [count, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${value.toLocaleString(locale(), { maximumFractionDigits: unit ? 1 : 0 })} ${units[unit]}`;
}
