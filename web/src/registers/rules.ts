// Who may do what with a register, by the rules that the API declares of it. The API decides; this only spares people the buttons
// that would be refused.

/** Who may take a step. */
export interface Who {
  own: string[];
  any: string[];
  subject: boolean;
  apart: boolean;
}

/** How a field is asked for. */
export type Kind =
  | "line"
  | "prose"
  | "flag"
  | "choice"
  | "time"
  | "date"
  | "person"
  | "unit"
  | "camera"
  | "cameras"
  | "areas"
  | "text_version";

/** A field of a form. */
export interface Field {
  name: string;
  kind: Kind;
  required: boolean;
  choices?: string[];
  longest?: number;
  example?: string;
}

/** A step from one state to the next. */
export interface Move {
  step: string;
  from: string[];
  to: string;
  who: Who;
  needs_reason: boolean;
}

/** A register. */
export interface Register {
  name: string;
  articles: string[];
  states: string[];
  first: string;
  filing: Who;
  corrected_in: string[];
  moves: Move[];
  reading: { all: string[]; own: string[]; subject: boolean };
  columns: { name: string; cell: string }[];
  fields: Field[];
}

/** What of a signed-in person the rules ask for. */
export interface Person {
  id: string;
  unit: string;
  roles: string[];
}

/** A record as every register gives it, with the fields of its form beside. */
export interface Entry {
  id: string;
  unit: string;
  state: string;
  filed_by?: string | null;
  filed_at: string;
  since: string;
  due?: string | null;
  version: number;
  [field: string]: unknown;
}

const holds = (person: Person, roles: string[]) => roles.some((role) => person.roles.includes(role));

/** Whether there is anything to read for them. */
export function mayRead({ reading }: Register, person: Person): boolean {
  return reading.subject || holds(person, reading.all) || holds(person, reading.own);
}

/** Whether they read the records of this unit, not only those about themselves. */
export function readsUnit({ reading }: Register, person: Person, unit: string): boolean {
  return holds(person, reading.all) || (person.unit === unit && holds(person, reading.own));
}

/** Whether they may file one at all. */
export function mayFile({ filing }: Register, person: Person): boolean {
  return filing.subject || holds(person, [...filing.own, ...filing.any]);
}

function may(who: Who, person: Person, entry: Entry): boolean {
  const own = entry.unit === person.unit && holds(person, who.own);
  const subject = who.subject && entry.user === person.id;
  if (!own && !subject && !holds(person, who.any)) return false;
  return !who.apart || (entry.unit !== person.unit && entry.filed_by !== person.id);
}

/** The steps that they may take where it stands. */
export function stepsFor(register: Register, person: Person, entry: Entry): Move[] {
  return register.moves.filter((move) => move.from.includes(entry.state) && may(move.who, person, entry));
}

/** Whether they may correct it where it stands. */
export function mayCorrect(register: Register, person: Person, entry: Entry): boolean {
  return register.corrected_in.includes(entry.state) && may(register.filing, person, entry);
}
