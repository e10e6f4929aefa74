// The way of an application and of an export, and whose step is whose: requester, endorser, approver and releaser are different
// people, and nobody decides what their own unit asks for. The API decides; this only spares people the buttons that it would refuse.

import type { Person } from "../registers/rules";

/** What both have of their way. */
export interface Way {
  unit: string;
  requester: string;
  endorser?: string | null;
  approver?: string | null;
  stage: string;
}

/** A step that somebody may take, and whether it needs a reason. */
export interface Choice {
  step: string;
  needsReason: boolean;
}

interface Line {
  step: string;
  from: string[];
  may: (person: Person, way: Way) => boolean;
  /** A judgement, which nobody who acted before passes. */
  judges?: boolean;
  needsReason?: boolean;
}

const BUREAU = "zwj";
const of = (person: Person, way: Way, ...roles: string[]) => person.unit === way.unit && roles.some((role) => person.roles.includes(role));
const bureau = (person: Person, way: Way) => person.unit !== way.unit && person.roles.includes("bureau_approver");
const officer = (person: Person, way: Way) =>
  person.roles.includes("export_officer") && (person.unit === way.unit || person.unit === BUREAU);
const asker = (person: Person, way: Way) => person.id === way.requester || of(person, way, "unit_principal");
const principal = (person: Person, way: Way) => of(person, way, "unit_principal");

const APPLICATION: Line[] = [
  { step: "endorse", from: ["draft"], may: principal, judges: true },
  { step: "submit", from: ["endorsed"], may: (person, way) => of(person, way, "unit_admin") },
  { step: "accept", from: ["submitted"], may: bureau, judges: true },
  { step: "approve", from: ["accepted"], may: bureau, judges: true },
  { step: "return", from: ["submitted", "accepted"], may: bureau, judges: true, needsReason: true },
  { step: "refuse", from: ["accepted"], may: bureau, judges: true, needsReason: true },
  {
    step: "withdraw",
    from: ["draft", "endorsed", "submitted", "accepted", "returned", "granted"],
    may: (person, way) => of(person, way, "unit_admin", "unit_principal"),
  },
];

const EXPORT: Line[] = [
  { step: "endorse", from: ["draft"], may: principal, judges: true },
  { step: "approve", from: ["endorsed"], may: bureau, judges: true },
  { step: "release", from: ["approved", "failed"], may: officer, judges: true },
  { step: "refuse", from: ["draft"], may: principal, judges: true, needsReason: true },
  { step: "refuse", from: ["endorsed"], may: bureau, judges: true, needsReason: true },
  { step: "refuse", from: ["approved"], may: officer, judges: true, needsReason: true },
  { step: "withdraw", from: ["draft", "endorsed", "approved", "released", "failed"], may: asker },
  { step: "close", from: ["ready", "collected", "failed"], may: (person, way) => person.id === way.requester || officer(person, way) },
];

function choices(lines: Line[], person: Person, way: Way): Choice[] {
  const acted = [way.requester, way.endorser, way.approver].includes(person.id);
  return lines
    .filter((line) => line.from.includes(way.stage) && line.may(person, way) && !(line.judges && acted))
    .map(({ step, needsReason }) => ({ step, needsReason: needsReason ?? false }));
}

/** The steps of an application that they may take. The approver's own acceptance does not bar their approval. */
export function applicationSteps(person: Person, way: Way): Choice[] {
  const others = way.approver === person.id ? { ...way, approver: null } : way;
  return choices(APPLICATION, person, others);
}

/** The steps of an export that they may take. */
export function exportSteps(person: Person, way: Way): Choice[] {
  return choices(EXPORT, person, way);
}

/** Whether they may correct an application. */
export function mayRevise(person: Person, way: Way): boolean {
  return ["draft", "returned"].includes(way.stage) && of(person, way, "unit_admin");
}

/** Whether they may collect the package of an export. */
export function mayCollect(person: Person, way: Way): boolean {
  return ["ready", "collected"].includes(way.stage) && (person.id === way.requester || officer(person, way));
}
