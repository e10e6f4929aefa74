// The exports that one may see, and where each stands.

import { useState } from "preact/hooks";

import { useMe } from "../../api/me";
import { toldStretch } from "../../forms/moments";
import { stateWord } from "../../registers/words";
import { link } from "../../router";
import { Refusal } from "../../ui/states";
import { useT } from "../../words";
import { filtered, useListed } from "./asking";
import type { Export } from "./export";
import { named, useCameras, usePeople, useUnits } from "./names";
import { Filter, UnitFilter } from "./register_list";
import { SheetFoot, SheetHead } from "./sheet";
import { StateTag } from "./state";
import { w } from "./words";

const STAGES = ["draft", "endorsed", "approved", "released", "rendering", "ready", "collected", "closed", "refused", "withdrawn", "failed"];

/** The list. */
export function Exports() {
  const t = useT();
  const me = useMe();
  const [stage, setStage] = useState("");
  const [unit, setUnit] = useState("");
  const { items, refusal, more } = useListed<Export>(filtered("/exports", { order: "newest", stage, unit }));
  return (
    <article class="register">
      <header class="page-head">
        <h1>{t(w.exports)}</h1>
        <div class="actions">
          <button type="button" onClick={() => print()}>
            {t(w.print)}
          </button>
        </div>
      </header>
      <div class="filters">
        <Filter label={t(w.state)} all={t(w.allStates)} value={stage} put={setStage} options={STAGES.map((one) => [one, t(stateWord("exports", one))])} />
        {me.roles.some((role) => ["bureau_approver", "audit_admin", "export_officer"].includes(role)) && <UnitFilter value={unit} put={setUnit} />}
      </div>
      <Refusal of={refusal} />
      <SheetHead title={t(w.exports)} about={t(w.registerSheet)} />
      {items && (items.length === 0 ? <p class="empty">{t(w.nothing)}</p> : <Rows items={items} />)}
      <SheetFoot />
      {more && (
        <button type="button" class="more" onClick={more}>
          {t(w.more)}
        </button>
      )}
    </article>
  );
}

function Rows({ items }: { items: Export[] }) {
  const t = useT();
  const units = useUnits();
  const cameras = useCameras();
  const person = usePeople(items.map((one) => one.requester));
  return (
    <div class="table-wrap">
      <table class="rows">
        <thead>
          <tr>
            {[w.state, w.cameras, w.stretch, w.recipient, w.unit, w.applicant].map((word) => (
              <th scope="col" key={word.en}>
                {t(word)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {items.map((one) => (
            <tr key={one.id}>
              <td>
                <StateTag register="exports" state={one.stage} />
              </td>
              <td>
                <a href={link(`work/exports/${one.id}`)}>{named(cameras, one.form.camera)}</a>
              </td>
              <td class="time">
                {toldStretch(one.form.from, one.form.to)}
              </td>
              <td>{one.form.recipient}</td>
              <td>{named(units, one.unit)}</td>
              <td>{person(one.requester)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
