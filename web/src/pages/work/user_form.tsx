// Filling in Attachment 2, or correcting it. The account is one of the unit's that waits for approval.

import * as api from "../../api/client";
import { useMe } from "../../api/me";
import { UNIT_ROLES, type UserDraft, type UserForm, emptyUser, userDraft, userFaults, userForm } from "../../forms/user";
import { go } from "../../router";
import { useAsked } from "../../ui/asked";
import { useT } from "../../words";
import type { Application } from "./applied";
import { useDoing } from "./asking";
import { useEditing } from "./editing";
import { Boxes, Choice, Line } from "./fields";
import { FormEnd } from "./form_end";
import { Labelled } from "./labelled";
import { named, useUnits } from "./names";
import { ROLE_WORDS, w } from "./words";

interface Account {
  id: string;
  user: string;
  name: string;
  staff_no?: string | null;
  roles: string[];
  state: string;
}

type TextName = "name" | "post" | "staff_number" | "phone" | "trained_at";

/** The form; with `application` it corrects. */
export function UserEditor({ application }: { application?: Application<UserForm> }) {
  const t = useT();
  const me = useMe();
  const units = useUnits();
  const now = new Date();
  const editing = useEditing<UserDraft>(
    () => (application ? userDraft(application.form) : emptyUser()),
    (draft) => userFaults(draft, now),
  );
  const { draft, put, told } = editing;
  const accounts = useAsked<{ items: Account[] }>("/users?limit=500").value?.items ?? [];
  const waiting = accounts.filter((account) => account.state === "pending" || account.id === draft.user);
  const { busy, refusal, run } = useDoing();
  const choose = (id: string) => {
    const account = accounts.find((one) => one.id === id);
    put("user")(id);
    if (!account) return;
    put("name")(account.name);
    put("staff_number")(account.staff_no ?? "");
    put("roles")(account.roles);
  };
  const save = (event: Event) => {
    event.preventDefault();
    if (!editing.ready()) return;
    run(async () => {
      const body = userForm(draft);
      const saved = application
        ? await api.put<Application<UserForm>>(`/applications/user/${application.id}`, body)
        : await api.post<Application<UserForm>>("/applications/user", body);
      go(`work/applications/user/${saved.id}`);
    });
  };
  const line = (name: TextName, label: string, required: boolean, type = "text") => (
    <Labelled label={label} required={required} fault={told(name, refusal)}>
      {(tied) => <Line tied={tied} value={draft[name]} put={(value) => put(name)(String(value))} type={type} />}
    </Labelled>
  );
  return (
    <form class="work-form" onSubmit={save} noValidate>
      <header>
        <p class="crumb">{t(w.attachment, { n: 2 })}</p>
        <h1>{t(w.a2Title)}</h1>
        <p class="about">
          {t(w.applicantUnit)}: {named(units, me.unit)}
        </p>
      </header>
      <fieldset class="fields">
        <legend>{t(w.account)}</legend>
        <Labelled label={t(w.account)} required hint={t(w.accountHint)} fault={told("user", refusal)} wide>
          {(tied) => <Choice tied={tied} value={draft.user} put={(value) => choose(String(value))} choices={waiting.map((one) => [one.id, `${one.name} (${one.user})`])} />}
        </Labelled>
        {line("name", t(w.personName), true)}
        {line("post", t(w.post), true)}
        {line("staff_number", t(w.staffNumber), false)}
        {line("phone", t(w.phone), true, "tel")}
        {line("trained_at", t(w.trainedAt), false, "date")}
        <Labelled label={t(w.roles)} required wide fault={told("roles", refusal)}>
          {(tied) => <Boxes tied={tied} value={draft.roles} put={(value) => put("roles")(value as string[])} choices={UNIT_ROLES.map((role) => [role, t(ROLE_WORDS[role] ?? w.none)])} />}
        </Labelled>
      </fieldset>
      <FormEnd refusal={refusal} count={editing.count} busy={busy} label={t(w.save)} />
    </form>
  );
}
