// Cells of reports in the words of the reader: names in place of ids, times, lengths, sizes, words of fixed lists, reasons with their
// times.

import { bytes, language, locale, span, useT, when } from "../../words";
import { reasonWords } from "../playback/reasons";
import { named, useCameras, usePeople, useUnits } from "../work/names";
import { CELLS, w } from "./report_words";

const PEOPLE = ["user", "approver", "by"];
const UNITS = ["unit", "owner"];
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/** How a cell of that column is shown. */
export function useCells(rows: Record<string, unknown>[]): (column: string, value: unknown) => string {
  const t = useT();
  const person = usePeople(rows.flatMap((row) => PEOPLE.map((name) => row[name])).filter((id): id is string => typeof id === "string"));
  const [units, cameras] = [useUnits(), useCameras()];
  const text = (column: string, value: string): string => {
    if (INSTANT.test(value)) return when(value);
    if (PEOPLE.includes(column)) return person(value);
    if (UNITS.includes(column)) return named(units, value);
    if (column.startsWith("camera") || column.endsWith("_cameras")) return named(cameras, value);
    return t(CELLS[value] ?? { zh: value, en: value });
  };
  const number = (column: string, value: number): string => {
    if (column.endsWith("_seconds")) return span(value);
    return column.includes("bytes") ? bytes(value) : value.toLocaleString(locale());
  };
  const shown = (column: string, value: unknown): string => {
    if (value === null || value === undefined) return "";
    if (typeof value === "boolean") return t(value ? w.yes : w.no);
    if (typeof value === "number") return number(column, value);
    if (typeof value === "string") return text(column, value);
    const [comma, semicolon] = language() === "zh" ? ["、", ";"] : [", ", "; "];
    if (Array.isArray(value)) return value.map((one) => shown(column, one)).join(comma);
    return Object.entries(value).map(([reason, one]) => `${t(reasonWords(reason))} ${shown(column, one)}`).join(semicolon);
  };
  return shown;
}
