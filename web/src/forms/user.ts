// Attachment 2 (平台用户申请表) between the page and the API.

import type { Both } from "../words";
import { LINE_MAX, first, given, phone, text } from "./checks";
import { fromDay, toDay } from "./moments";

/** The roles that a unit asks for its staff. */
export const UNIT_ROLES = ["operator", "incident_commander", "unit_admin", "unit_principal", "owner_maintainer", "export_officer"] as const;

/** The fields as the page holds them. */
export interface UserDraft {
  user: string;
  name: string;
  post: string;
  staff_number: string;
  phone: string;
  roles: string[];
  trained_at: string;
}

/** The form as the API has it. */
export interface UserForm {
  user: string;
  name: string;
  post: string;
  staff_number?: string | null;
  phone: string;
  roles: string[];
  trained_at?: string | null;
}

/** An empty form. */
export function emptyUser(): UserDraft {
  return { user: "", name: "", post: "", staff_number: "", phone: "", roles: [], trained_at: "" };
}

/** A form that was filed, to correct it. */
export function userDraft(form: UserForm): UserDraft {
  return {
    user: form.user,
    name: form.name,
    post: form.post,
    staff_number: form.staff_number ?? "",
    phone: form.phone,
    roles: form.roles,
    trained_at: form.trained_at ? toDay(form.trained_at) : "",
  };
}

/** What is wrong, by field. */
export function userFaults(draft: UserDraft, now: Date): Partial<Record<keyof UserDraft, Both>> {
  const trained = draft.trained_at && Date.parse(fromDay(draft.trained_at)) > now.getTime();
  const looks: Partial<Record<keyof UserDraft, Both | null>> = {
    user: given(draft.user),
    name: first(given(draft.name), text(draft.name, LINE_MAX)),
    post: first(given(draft.post), text(draft.post, LINE_MAX)),
    staff_number: text(draft.staff_number, LINE_MAX),
    phone: first(given(draft.phone), phone(draft.phone)),
    roles: draft.roles.length > 0 ? null : { zh: "至少选择一个角色。", en: "Choose at least one role." },
    trained_at: trained ? { zh: "培训日期在将来。", en: "It lies ahead." } : null,
  };
  return Object.fromEntries(Object.entries(looks).filter(([, fault]) => fault));
}

/** The body that is sent. */
export function userForm(draft: UserDraft): UserForm {
  return {
    user: draft.user,
    name: draft.name.trim(),
    post: draft.post.trim(),
    phone: draft.phone.trim(),
    roles: draft.roles,
    ...(draft.staff_number.trim() && { staff_number: draft.staff_number.trim() }),
    ...(draft.trained_at && { trained_at: fromDay(draft.trained_at) }),
  };
}
