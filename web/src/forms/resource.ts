// Attachment 1 (视频监控资源授权使用审批表) between the page and the API: what the fields hold, what is wrong with them, and the body
// that is sent.

import type { Both } from "../words";
import { LINE_MAX, PROSE_MAX, addresses, count, creditCode, first, given, several, text } from "./checks";
import { fromDay, toDay } from "./moments";

/** What can be asked for, in the order of the form. */
export const VERBS = ["live", "playback", "ptz", "snapshot", "export", "download", "raw"] as const;
/** Days of the week as the API writes them. */
export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** The fields as the page holds them. */
export interface ResourceDraft {
  credit_code: string;
  responsible_person: string;
  contact: string;
  narrative: string;
  statement_number: string;
  emergency: boolean;
  cameras: string[];
  areas: string[];
  purposes: string[];
  verbs: string[];
  profile: string;
  valid_from: string;
  valid_to: string;
  hours_from: string;
  hours_to: string;
  days: string[];
  users: string[];
  terminals: string;
  playback_days: string;
  max_concurrent: string;
  security_level: string;
  on_duty: boolean;
}

/** The grant's terms as the API has them. */
export interface Terms {
  users?: string[];
  cameras?: string[];
  areas?: string[];
  purposes: string[];
  verbs: string[];
  profile?: string;
  valid_from: string;
  valid_to: string;
  hours?: { from: string; to: string; days?: string[] } | null;
  playback_depth_s?: number | null;
  max_concurrent?: number | null;
  terminals?: string[];
  security_level?: number;
  on_duty?: boolean;
}

/** The form as the API has it. */
export interface ResourceForm {
  credit_code?: string | null;
  responsible_person: string;
  contact: string;
  narrative: string;
  statement_number?: string | null;
  emergency?: boolean;
  terms: Terms;
}

const DAY_S = 86_400;

/** An empty form: a year from today, to look live and back. */
export function emptyResource(now: Date): ResourceDraft {
  const next = new Date(now);
  next.setFullYear(now.getFullYear() + 1);
  return {
    credit_code: "",
    responsible_person: "",
    contact: "",
    narrative: "",
    statement_number: "",
    emergency: false,
    cameras: [],
    areas: [],
    purposes: [],
    verbs: ["live", "playback"],
    profile: "main",
    valid_from: toDay(now.toISOString()),
    valid_to: toDay(next.toISOString()),
    hours_from: "",
    hours_to: "",
    days: [],
    users: [],
    terminals: "",
    playback_days: "",
    max_concurrent: "",
    security_level: "1",
    on_duty: false,
  };
}

/** A form that was filed, to correct it. */
export function resourceDraft(form: ResourceForm): ResourceDraft {
  const { terms } = form;
  return {
    credit_code: form.credit_code ?? "",
    responsible_person: form.responsible_person,
    contact: form.contact,
    narrative: form.narrative,
    statement_number: form.statement_number ?? "",
    emergency: form.emergency ?? false,
    cameras: terms.cameras ?? [],
    areas: terms.areas ?? [],
    purposes: terms.purposes,
    verbs: terms.verbs,
    profile: terms.profile ?? "main",
    valid_from: toDay(terms.valid_from),
    valid_to: toDay(lastOf(terms.valid_to)),
    hours_from: terms.hours?.from ?? "",
    hours_to: terms.hours?.to ?? "",
    days: terms.hours?.days ?? [],
    users: terms.users ?? [],
    terminals: (terms.terminals ?? []).join(" "),
    playback_days: terms.playback_depth_s ? String(Math.ceil(terms.playback_depth_s / DAY_S)) : "",
    max_concurrent: terms.max_concurrent ? String(terms.max_concurrent) : "",
    security_level: String(terms.security_level ?? 1),
    on_duty: terms.on_duty ?? false,
  };
}

/** The last instant before an exclusive end, so that its day is the last one that counts. */
export function lastOf(end: string): string {
  return new Date(Date.parse(end) - 1).toISOString();
}

const isTime = (value: string) => /^([01]\d|2[0-4]):[0-5]\d$/.test(value);

function hours(draft: ResourceDraft): Both | null {
  if (!draft.hours_from && !draft.hours_to && draft.days.length === 0) return null;
  return isTime(draft.hours_from) && isTime(draft.hours_to)
    ? null
    : { zh: "请填写每日起止时间,例如08:00至18:00;不限时请清空时间和星期。", en: "Give both, such as 08:00 and 18:00; or clear them and the days for any time." };
}

function validTo(draft: ResourceDraft, now: Date): Both | null {
  if (given(draft.valid_to)) return given(draft.valid_to);
  if (draft.valid_to < draft.valid_from) return { zh: "不得早于起始日期。", en: "It must not lie before the first day." };
  return Date.parse(fromDay(draft.valid_to, 1)) > now.getTime() ? null : { zh: "该日期已过。", en: "It is over." };
}

/** What is wrong, by field; `needsNarrative` are the purposes that the narrative has to explain. */
export function resourceFaults(draft: ResourceDraft, now: Date): Partial<Record<keyof ResourceDraft, Both>> {
  const looks: Partial<Record<keyof ResourceDraft, Both | null>> = {
    credit_code: creditCode(draft.credit_code),
    responsible_person: first(given(draft.responsible_person), text(draft.responsible_person, LINE_MAX)),
    contact: first(given(draft.contact), text(draft.contact, LINE_MAX)),
    narrative: first(given(draft.narrative), text(draft.narrative, PROSE_MAX)),
    statement_number: text(draft.statement_number, LINE_MAX),
    cameras:
      draft.cameras.length + draft.areas.length > 0 ? null : { zh: "至少选择一个摄像机或区域。", en: "Choose at least one camera or area." },
    purposes: draft.purposes.length > 0 ? null : { zh: "至少选择一项用途。", en: "Choose at least one purpose." },
    verbs: draft.verbs.length > 0 ? null : { zh: "至少选择一种使用方式。", en: "Choose at least one use." },
    valid_from: given(draft.valid_from),
    valid_to: validTo(draft, now),
    hours_from: hours(draft),
    terminals: addresses(draft.terminals),
    playback_days: count(draft.playback_days, 1),
    max_concurrent: count(draft.max_concurrent, 1),
  };
  return Object.fromEntries(Object.entries(looks).filter(([, fault]) => fault));
}

/** The body that is sent. */
export function resourceForm(draft: ResourceDraft): ResourceForm {
  const bounded = draft.hours_from !== "" || draft.days.length > 0;
  return {
    ...(draft.credit_code.trim() && { credit_code: draft.credit_code.trim().toUpperCase() }),
    responsible_person: draft.responsible_person.trim(),
    contact: draft.contact.trim(),
    narrative: draft.narrative.trim(),
    ...(draft.statement_number.trim() && { statement_number: draft.statement_number.trim() }),
    emergency: draft.emergency,
    terms: {
      users: draft.users,
      cameras: draft.cameras,
      areas: draft.areas,
      purposes: draft.purposes,
      verbs: draft.verbs,
      profile: draft.profile,
      valid_from: fromDay(draft.valid_from),
      valid_to: fromDay(draft.valid_to, 1),
      ...(bounded && { hours: { from: draft.hours_from, to: draft.hours_to, days: draft.days } }),
      ...(draft.playback_days.trim() && { playback_depth_s: Number(draft.playback_days) * DAY_S }),
      ...(draft.max_concurrent.trim() && { max_concurrent: Number(draft.max_concurrent) }),
      terminals: several(draft.terminals),
      security_level: Number(draft.security_level),
      on_duty: draft.on_duty,
    },
  };
}
