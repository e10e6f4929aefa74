// Filling in Attachment 1, or correcting it.

import * as api from "../../api/client";
import { type Refusal as Said } from "../../api/client";
import { useMe } from "../../api/me";
import { resourceDraft, resourceFaults, resourceForm, emptyResource, DAYS, VERBS, type ResourceDraft, type ResourceForm } from "../../forms/resource";
import { go } from "../../router";
import { language, useT } from "../../words";
import type { Application } from "./applied";
import { useDoing } from "./asking";
import { type Editing, useEditing } from "./editing";
import { AreaPicker, Boxes, CameraPicker, Choice, Line, Prose, type Value } from "./fields";
import { FormEnd } from "./form_end";
import { Labelled } from "./labelled";
import { named, usePurposes, useUnits } from "./names";
import { PersonPicker } from "./person_picker";
import { DAY_WORDS, VERB_WORDS, w } from "./words";

interface Part {
  editing: Editing<ResourceDraft>;
  refusal: Said | null;
}

/** The form; with `application` it corrects. */
export function ResourceEditor({ application }: { application?: Application<ResourceForm> }) {
  const t = useT();
  const me = useMe();
  const units = useUnits();
  const now = new Date();
  const editing = useEditing<ResourceDraft>(
    () => (application ? resourceDraft(application.form) : emptyResource(now)),
    (draft) => resourceFaults(draft, now),
  );
  const { busy, refusal, run } = useDoing();
  const save = (event: Event) => {
    event.preventDefault();
    if (!editing.ready()) return;
    run(async () => {
      const body = resourceForm(editing.draft);
      const saved = application
        ? await api.put<Application<ResourceForm>>(`/applications/resource/${application.id}`, body)
        : await api.post<Application<ResourceForm>>("/applications/resource", body);
      go(`work/applications/resource/${saved.id}`);
    });
  };
  const part = { editing, refusal };
  return (
    <form class="work-form" onSubmit={save} noValidate>
      <header>
        <p class="crumb">{t(w.attachment, { n: 1 })}</p>
        <h1>{t(w.a1Title)}</h1>
        <p class="about">
          {t(w.applicantUnit)}: {named(units, me.unit)}
        </p>
      </header>
      <Who {...part} />
      <What {...part} />
      <When {...part} />
      <Bounds {...part} />
      <FormEnd refusal={refusal} count={editing.count} busy={busy} label={t(w.save)} />
    </form>
  );
}

/** A line of a form under way. */
function Text({ editing, refusal, name, label, required, hint, type, example }: Part & { name: TextName; label: string; required?: boolean; hint?: string; type?: string; example?: string }) {
  return (
    <Labelled label={label} required={required} fault={editing.told(name, refusal)} hint={hint}>
      {(tied) => <Line tied={tied} value={editing.draft[name]} put={(value) => editing.put(name)(String(value))} type={type} example={example} />}
    </Labelled>
  );
}

type TextName = { [K in keyof ResourceDraft]: ResourceDraft[K] extends string ? K : never }[keyof ResourceDraft];

function Who(part: Part) {
  const t = useT();
  return (
    <fieldset class="fields">
      <legend>{t(w.applicantUnit)}</legend>
      <Text {...part} name="responsible_person" label={t(w.responsible)} required />
      <Text {...part} name="contact" label={t(w.contact)} required />
      <Text {...part} name="credit_code" label={t(w.creditCode)} />
      <Text {...part} name="statement_number" label={t(w.statementNumber)} />
    </fieldset>
  );
}

function What({ editing, refusal }: Part) {
  const t = useT();
  const tongue = language();
  const { draft, put, told } = editing;
  const mine = usePurposes().filter((purpose) => purpose.mine && purpose.in_force);
  const list = (name: "cameras" | "areas" | "purposes" | "verbs") => (value: Value) => put(name)(value as string[]);
  return (
    <fieldset class="fields">
      <legend>{t(w.subject)}</legend>
      <Labelled label={t(w.cameras)} required wide fault={told("cameras", refusal)}>
        {(tied) => <CameraPicker tied={tied} value={draft.cameras} put={list("cameras")} />}
      </Labelled>
      <Labelled label={t(w.areas)} wide fault={told("areas", refusal)}>
        {(tied) => <AreaPicker tied={tied} value={draft.areas} put={list("areas")} />}
      </Labelled>
      <Labelled label={t(w.purposes)} required wide fault={told("purposes", refusal)}>
        {(tied) => <Boxes tied={tied} value={draft.purposes} put={list("purposes")} choices={mine.map((one) => [one.code, `${one.code} ${one[tongue]}`])} />}
      </Labelled>
      <Labelled label={t(w.narrative)} required wide fault={told("narrative", refusal)}>
        {(tied) => <Prose tied={tied} value={draft.narrative} put={(value) => put("narrative")(String(value))} />}
      </Labelled>
      <Labelled label={t(w.verbs)} required wide fault={told("verbs", refusal)}>
        {(tied) => <Boxes tied={tied} value={draft.verbs} put={list("verbs")} choices={VERBS.map((verb) => [verb, t(VERB_WORDS[verb] ?? w.none)])} />}
      </Labelled>
    </fieldset>
  );
}

function When(part: Part) {
  const t = useT();
  const { draft, put, told } = part.editing;
  return (
    <fieldset class="fields">
      <legend>{t(w.validity)}</legend>
      <Text {...part} name="valid_from" label={t(w.validFrom)} type="date" required />
      <Text {...part} name="valid_to" label={t(w.validTo)} type="date" required />
      <Text {...part} name="hours_from" label={t(w.hoursFrom)} type="time" />
      <Text {...part} name="hours_to" label={t(w.hoursTo)} type="time" />
      <Labelled label={t(w.days)} wide fault={told("days", part.refusal)}>
        {(tied) => <Boxes tied={tied} value={draft.days} put={(value) => put("days")(value as string[])} choices={DAYS.map((day) => [day, t(DAY_WORDS[day] ?? w.none)])} />}
      </Labelled>
    </fieldset>
  );
}

function Bounds(part: Part) {
  const t = useT();
  const { draft, put, told } = part.editing;
  const flags: [string, string][] = [
    ["emergency", t(w.emergency)],
    ["on_duty", t(w.onDuty)],
  ];
  const set = (chosen: string[]) => flags.forEach(([name]) => put(name as "emergency" | "on_duty")(chosen.includes(name)));
  return (
    <fieldset class="fields">
      <legend>{t(w.users)}</legend>
      <Labelled label={t(w.users)} wide hint={t(w.usersHint)} fault={told("users", part.refusal)}>
        {(tied) => <PersonPicker several tied={tied} value={draft.users} put={(value) => put("users")(value as string[])} />}
      </Labelled>
      <Text {...part} name="terminals" label={t(w.terminals)} hint={t(w.terminalsHint)} example="10.20.1.7" />
      <Labelled label={t(w.profile)} fault={told("profile", part.refusal)}>
        {(tied) => (
          <Choice
            tied={tied}
            value={draft.profile}
            put={(value) => put("profile")(String(value) || "main")}
            choices={[
              ["main", t(w.profileMain)],
              ["sub", t(w.profileSub)],
            ]}
          />
        )}
      </Labelled>
      <Text {...part} name="playback_days" label={t(w.playbackDays)} type="number" />
      <Text {...part} name="max_concurrent" label={t(w.maxConcurrent)} type="number" />
      <Labelled label={t(w.level)} fault={told("security_level", part.refusal)}>
        {(tied) => <Choice tied={tied} value={draft.security_level} put={(value) => put("security_level")(String(value) || "1")} choices={["1", "2", "3"].map((one) => [one, one])} />}
      </Labelled>
      <Labelled label={t(w.conditions)} hint={t(w.emergencyHint)}>
        {(tied) => <Boxes tied={tied} value={flags.map(([name]) => name).filter((name) => draft[name as "emergency"])} put={(value) => set(value as string[])} choices={flags} />}
      </Labelled>
    </fieldset>
  );
}
