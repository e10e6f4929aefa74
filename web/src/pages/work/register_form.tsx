// Filing a record of any register, or correcting one.

import { useState } from "preact/hooks";

import * as api from "../../api/client";
import { useMe } from "../../api/me";
import { type Draft, draftBody, draftFaults, draftOf, emptyDraft } from "../../registers/drafts";
import type { Entry, Register } from "../../registers/rules";
import { REGISTERS, fieldWord, registerWord } from "../../registers/words";
import { go } from "../../router";
import { useT } from "../../words";
import { useDoing } from "./asking";
import { RegisterInput, type Value } from "./fields";
import { FormEnd } from "./form_end";
import { Labelled } from "./labelled";
import { w } from "./words";

/** The form; with `entry` it corrects. */
export function RegisterForm({ register, entry }: { register: Register; entry?: Entry }) {
  const t = useT();
  const me = useMe();
  const [draft, set] = useState<Draft>(() => (entry ? draftOf(register, entry) : emptyDraft(register, new Date(), me.id)));
  const [touched, touch] = useState<Record<string, boolean>>({});
  const [tried, tryIt] = useState(false);
  const { busy, refusal, run } = useDoing();
  const faults = draftFaults(register, draft);
  const count = Object.keys(faults).length;
  const put = (name: string) => (value: Value) => {
    set({ ...draft, [name]: value });
    touch({ ...touched, [name]: true });
  };
  const file = (event: Event) => {
    event.preventDefault();
    tryIt(true);
    if (count > 0) return;
    run(async () => {
      const body = draftBody(register, draft);
      const filed = entry
        ? await api.put<Entry>(`/${register.name}/${entry.id}`, body)
        : await api.post<Entry>(`/${register.name}`, body);
      go(`work/register/${register.name}/${filed.id}`);
    });
  };
  const told = (name: string) => (tried || touched[name] ? faults[name] : refusal?.field === name ? refusal.message : null);
  return (
    <form class="work-form" onSubmit={file} noValidate>
      <header>
        <h1>{register.name === "emergencies" ? t(w.emergencyDeclare) : `${t(entry ? w.correct : w.newRecord)} · ${t(registerWord(register.name))}`}</h1>
        <p class="about">{t(register.name === "emergencies" ? w.emergencyWarn : (REGISTERS[register.name]?.about ?? registerWord(register.name)))}</p>
      </header>
      <div class="fields">
        {register.fields.map((field) => (
          <Labelled
            key={field.name}
            label={t(fieldWord(register.name, field.name))}
            required={field.required}
            fault={told(field.name)}
            wide={["prose", "cameras", "areas"].includes(field.kind)}
          >
            {(tied) => <RegisterInput {...field} register={register.name} tied={tied} value={draft[field.name] ?? ""} put={put(field.name)} />}
          </Labelled>
        ))}
      </div>
      <FormEnd refusal={refusal} count={tried ? count : 0} busy={busy} label={t(entry ? w.correct : w.file)} />
    </form>
  );
}
