// A register: list, filter, page, new, CSV in and out, and the printed sheet of what is listed.

import { useState } from "preact/hooks";

import { useMe } from "../../api/me";
import { told } from "../../forms/moments";
import type { Entry, Register } from "../../registers/rules";
import { mayFile, mayRead } from "../../registers/rules";
import { REGISTERS, fieldWord, registerWord, stateWord } from "../../registers/words";
import { link } from "../../router";
import { Refusal } from "../../ui/states";
import { useT } from "../../words";
import { filtered, useListed } from "./asking";
import { CsvIn, CsvOut } from "./csv";
import { named, usePeople, useUnits } from "./names";
import { Rota } from "./rota";
import { SheetHead, SheetFoot } from "./sheet";
import { StateTag } from "./state";
import { useTeller } from "./value";
import { w } from "./words";

/** Fields of a row at most; the rest is on the record's page. */
const COLUMNS_MAX = 5;

/** The page. */
export function RegisterList({ register }: { register: Register }) {
  const t = useT();
  const me = useMe();
  const [state, setState] = useState("");
  const [unit, setUnit] = useState("");
  const wide = me.roles.some((role) => register.reading.all.includes(role));
  const query = filtered(`/${register.name}`, { order: "newest", state, unit });
  const { items, refusal, more, again } = useListed<Entry>(mayRead(register, me) ? query : null);
  return (
    <article class="register">
      <header class="page-head">
        <div>
          <h1>{t(registerWord(register.name))}</h1>
          <p class="about">
            {t(REGISTERS[register.name]?.about ?? registerWord(register.name))} <small>{register.articles.join(" ")}</small>
          </p>
        </div>
        <div class="actions">
          {mayFile(register, me) && (
            <a class="button main" href={link(`work/register/${register.name}/new`)}>
              {t(w.newRecord)}
            </a>
          )}
          {mayFile(register, me) && <CsvIn path={`/${register.name}/import`} taken={again} />}
          <CsvOut path={query} name={register.name} />
          <button type="button" onClick={() => print()}>
            {t(w.print)}
          </button>
        </div>
      </header>
      <div class="filters">
        <Filter label={t(w.state)} all={t(w.allStates)} value={state} put={setState} options={register.states.map((one) => [one, t(stateWord(register.name, one))])} />
        {wide && <UnitFilter value={unit} put={setUnit} />}
      </div>
      <Refusal of={refusal} />
      {register.name === "duty-shifts" && <Rota unit={wide ? unit : me.unit} />}
      <SheetHead title={t(registerWord(register.name))} about={t(w.registerSheet)} />
      {items && <Rows register={register} items={items} wide={wide} />}
      <SheetFoot />
      {more && (
        <button type="button" class="more" onClick={more}>
          {t(w.more)}
        </button>
      )}
    </article>
  );
}

function Rows({ register, items, wide }: { register: Register; items: Entry[]; wide: boolean }) {
  const t = useT();
  const units = useUnits();
  const columns = register.fields.filter(({ name }) => name !== "session").slice(0, COLUMNS_MAX);
  const ids = items.flatMap((entry) => [entry.filed_by, ...columns.filter(({ kind }) => kind === "person").map(({ name }) => String(entry[name] ?? ""))]);
  const person = usePeople(ids);
  const tell = useTeller(person);
  if (items.length === 0) return <p class="empty">{t(w.nothing)}</p>;
  return (
    <div class="table-wrap">
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">{t(w.state)}</th>
            {columns.map((field) => (
              <th scope="col" key={field.name}>
                {t(fieldWord(register.name, field.name))}
              </th>
            ))}
            {wide && <th scope="col">{t(w.unit)}</th>}
            <th scope="col">{t(w.filedBy)}</th>
            <th scope="col">{t(w.filedAt)}</th>
          </tr>
        </thead>
        <tbody>
          {items.map((entry) => (
            <tr key={entry.id}>
              <td>
                <StateTag register={register.name} state={entry.state} />
              </td>
              {columns.map((field, at) => (
                <td key={field.name} class={field.kind === "prose" ? "prose" : undefined}>
                  {at === 0 ? <a href={link(`work/register/${register.name}/${entry.id}`)}>{tell(field, entry[field.name])}</a> : tell(field, entry[field.name])}
                </td>
              ))}
              {wide && <td>{named(units, entry.unit)}</td>}
              <td>{entry.filed_by ? person(entry.filed_by) : t(w.appliance)}</td>
              <td class="time">{told(entry.filed_at)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A choice that narrows a list. */
export function Filter({ label, all, value, put, options }: { label: string; all: string; value: string; put: (value: string) => void; options: [string, string][] }) {
  return (
    <label class="filter">
      <span>{label}</span>
      <select value={value} onChange={(event) => put(event.currentTarget.value)}>
        <option value="">{all}</option>
        {options.map(([option, name]) => (
          <option key={option} value={option}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The choice of a unit, for those who see all. */
export function UnitFilter({ value, put }: { value: string; put: (value: string) => void }) {
  const t = useT();
  const units = useUnits();
  return <Filter label={t(w.unit)} all={t(w.allUnits)} value={value} put={put} options={units.map((one) => [one.id, one.name])} />;
}
