// A register's form as it is typed: what its fields hold, what is wrong with them, and the body that is sent. Nothing here knows
// which register it is.

import type { Both } from "../words";
import { LINE_MAX, given, instant, text } from "../forms/checks";
import { ahead, fromField, toField } from "../forms/moments";
import type { Entry, Field, Kind, Register } from "./rules";

/** What the fields hold, by name. */
export type Draft = Record<string, string | string[] | boolean>;

const isList = (kind: Kind) => kind === "cameras" || kind === "areas";

/** Where a time is asked for, what it most often is, in minutes from now: a term of a year, a rectification of a week. */
const AHEAD_MIN: Record<string, number> = {
  at: 0,
  ends_at: 4 * 60,
  from: 0,
  in_use_since: 0,
  rectify_by: 7 * 1440,
  to: 8 * 60,
  trained_at: 0,
  valid_to: 365 * 1440,
};

function beginning(field: Field, now: Date, me: string): Draft[string] {
  if (isList(field.kind)) return [];
  if (field.kind === "flag") return true;
  const minutes = AHEAD_MIN[field.name];
  if (field.kind === "time" && field.required && minutes !== undefined) return ahead(now, minutes);
  return field.kind === "person" ? me : "";
}

/** An empty form. `signer` is who signs, where only the person themselves files. */
export function emptyDraft({ fields, filing }: Register, now: Date, signer: string): Draft {
  return Object.fromEntries(fields.map((field) => [field.name, beginning(field, now, filing.subject ? signer : "")]));
}

function held(field: Field, value: unknown): Draft[string] {
  if (isList(field.kind)) return Array.isArray(value) ? value.map(String) : [];
  if (field.kind === "flag") return value === true;
  if (field.kind === "time") return typeof value === "string" ? toField(value) : "";
  return value === null || value === undefined ? "" : String(value);
}

/** A record's fields, to correct them. */
export function draftOf(register: Register, entry: Entry): Draft {
  return Object.fromEntries(register.fields.map((field) => [field.name, held(field, entry[field.name])]));
}

function fault(field: Field, value: Draft[string]): Both | null {
  if (typeof value !== "string") return null;
  if (!value.trim()) return field.required ? given(value) : null;
  if (field.kind === "time" || field.kind === "date") return instant(value);
  return text(value, field.longest ?? LINE_MAX);
}

/** A kind of two ends where the later has to come later. */
const ENDS: [string, string][] = [
  ["from", "to"],
  ["valid_from", "valid_to"],
  ["trained_at", "valid_to"],
];

/** What is wrong, by field. */
export function draftFaults(register: Register, draft: Draft): Record<string, Both> {
  const faults: Record<string, Both> = {};
  for (const field of register.fields) {
    const found = fault(field, draft[field.name] ?? "");
    if (found) faults[field.name] = found;
  }
  for (const [begin, end] of ENDS) {
    const [from, to] = [draft[begin], draft[end]];
    if (typeof from === "string" && typeof to === "string" && from && to && to <= from) {
      faults[end] ??= { zh: "须晚于开始时间。", en: "It has to be later than the beginning." };
    }
  }
  const placed = register.fields.some(({ kind }) => kind === "areas");
  if (placed && [draft.cameras, draft.areas].every((list) => Array.isArray(list) && list.length === 0)) {
    faults.cameras = { zh: "请选择摄像机或区域。", en: "Name cameras or areas." };
  }
  return faults;
}

function sent(field: Field, value: Draft[string]): unknown {
  if (typeof value !== "string") return value;
  if (!value.trim()) return undefined;
  return field.kind === "time" ? fromField(value) : value.trim();
}

/** The body that is sent; what was left empty is left out. */
export function draftBody(register: Register, draft: Draft): Record<string, unknown> {
  const pairs = register.fields.map((field) => [field.name, sent(field, draft[field.name] ?? "")] as const);
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}
