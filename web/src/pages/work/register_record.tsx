// One record of a register: its fields, where it stands, the steps that can be taken, and what was done with it.

import { useMe } from "../../api/me";
import { told } from "../../forms/moments";
import type { Entry, Register } from "../../registers/rules";
import { mayCorrect, stepsFor } from "../../registers/rules";
import { fieldWord, registerWord } from "../../registers/words";
import { link } from "../../router";
import { useAsked } from "../../ui/asked";
import { Refusal } from "../../ui/states";
import { useT } from "../../words";
import { Decide } from "./decide";
import { History, type Line } from "./history";
import { named, usePeople, useUnits } from "./names";
import { RegisterForm } from "./register_form";
import { SheetFoot, SheetHead } from "./sheet";
import { StateTag } from "./state";
import { useTeller } from "./value";
import { w } from "./words";

/** The page; `correcting` opens its form instead. */
export function RegisterRecord({ register, id, correcting }: { register: Register; id: string; correcting: boolean }) {
  const t = useT();
  const entry = useAsked<Entry>(`/${register.name}/${id}`);
  const history = useAsked<{ items: Line[] }>(`/${register.name}/${id}/history?limit=200`);
  if (!entry.value) return entry.refused ? <Refusal of={entry.refused} /> : <p role="status">{t(w.loading)}</p>;
  if (correcting) return <RegisterForm register={register} entry={entry.value} />;
  const taken = async () => {
    await Promise.all([entry.again(), history.again()]);
  };
  return (
    <article class="record">
      <RecordHead register={register} entry={entry.value} />
      <div class="record-columns">
        <div>
          <SheetHead title={t(registerWord(register.name))} about={id} />
          <Fields register={register} entry={entry.value} />
          {history.value && <History register={register.name} lines={history.value.items} />}
          <SheetFoot />
        </div>
        <aside>
          <Steps register={register} entry={entry.value} taken={taken} />
        </aside>
      </div>
    </article>
  );
}

function RecordHead({ register, entry }: { register: Register; entry: Entry }) {
  const t = useT();
  const me = useMe();
  return (
    <header class="page-head">
      <div>
        <p class="crumb">
          <a href={link(`work/register/${register.name}`)}>{t(registerWord(register.name))}</a>
        </p>
        <h1>
          {t(w.recordOf)} <code>{entry.id}</code> <StateTag register={register.name} state={entry.state} />
        </h1>
      </div>
      <div class="actions">
        {mayCorrect(register, me, entry) && (
          <a class="button" href={link(`work/register/${register.name}/${entry.id}/correct`)}>
            {t(w.correct)}
          </a>
        )}
        <button type="button" onClick={() => print()}>
          {t(w.print)}
        </button>
      </div>
    </header>
  );
}

function Fields({ register, entry }: { register: Register; entry: Entry }) {
  const t = useT();
  const units = useUnits();
  const people = register.fields.filter(({ kind }) => kind === "person").map(({ name }) => String(entry[name] ?? ""));
  const person = usePeople([entry.filed_by, ...people]);
  const tell = useTeller(person);
  const filer = entry.filed_by ? person(entry.filed_by) : t(w.appliance);
  const about: [string, string][] = [
    [t(w.unit), named(units, entry.unit)],
    [t(w.filedBy), filer],
    [t(w.filedAt), told(entry.filed_at)],
    [t(w.since), told(entry.since)],
    ...(entry.due ? [[t(w.due), told(entry.due)] as [string, string]] : []),
  ];
  return (
    <dl class="pairs">
      {register.fields.map((field) => (
        <div key={field.name} class={field.kind === "prose" ? "wide" : undefined}>
          <dt>{t(fieldWord(register.name, field.name))}</dt>
          <dd>{tell(field, entry[field.name]) || "—"}</dd>
        </div>
      ))}
      {about.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Steps({ register, entry, taken }: { register: Register; entry: Entry; taken: () => Promise<void> }) {
  const me = useMe();
  const moves = stepsFor(register, me, entry);
  const choices = moves.map(({ step, needs_reason }) => ({ step, needsReason: needs_reason }));
  return <Decide register={register.name} path={`/${register.name}/${entry.id}`} version={entry.version} choices={choices} taken={taken} />;
}
