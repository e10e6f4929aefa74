// The applications of either attachment, with who asks and where each stands.

import { useState } from "preact/hooks";

import { useMe } from "../../api/me";
import { told } from "../../forms/moments";
import { stateWord } from "../../registers/words";
import { link } from "../../router";
import { Refusal } from "../../ui/states";
import { useT } from "../../words";
import type { AnyApplication, AttachmentKind } from "./applied";
import { filtered, useListed } from "./asking";
import { named, useCameras, usePeople, useUnits } from "./names";
import { Filter, UnitFilter } from "./register_list";
import { SheetFoot, SheetHead } from "./sheet";
import { StateTag } from "./state";
import { ROLE_WORDS, w } from "./words";

const STAGES = ["draft", "endorsed", "submitted", "accepted", "returned", "refused", "granted", "expired", "withdrawn"];
const OVERSEERS = ["bureau_approver", "audit_admin", "security_admin"];

/** The list. */
export function Applications({ kind }: { kind: AttachmentKind }) {
  const t = useT();
  const me = useMe();
  const [stage, setStage] = useState("");
  const [unit, setUnit] = useState("");
  const { items, refusal, more } = useListed<AnyApplication>(filtered(`/applications/${kind}`, { order: "newest", stage, unit }));
  const title = t(kind === "resource" ? w.resourceForms : w.userForms);
  return (
    <article class="register">
      <header class="page-head">
        <h1>{title}</h1>
        <div class="actions">
          {me.roles.includes("unit_admin") && (
            <a class="button main" href={link(`work/applications/${kind}/new`)}>
              {t(kind === "resource" ? w.newResource : w.newUser)}
            </a>
          )}
          <button type="button" onClick={() => print()}>
            {t(w.print)}
          </button>
        </div>
      </header>
      <div class="filters">
        <Filter label={t(w.state)} all={t(w.allStates)} value={stage} put={setStage} options={STAGES.map((one) => [one, t(stateWord("applications", one))])} />
        {me.roles.some((role) => OVERSEERS.includes(role)) && <UnitFilter value={unit} put={setUnit} />}
      </div>
      <Refusal of={refusal} />
      <SheetHead title={title} about={t(w.registerSheet)} />
      {items && (items.length === 0 ? <p class="empty">{t(w.nothing)}</p> : <Rows kind={kind} items={items} />)}
      <SheetFoot />
      {more && (
        <button type="button" class="more" onClick={more}>
          {t(w.more)}
        </button>
      )}
    </article>
  );
}

function Rows({ kind, items }: { kind: AttachmentKind; items: AnyApplication[] }) {
  const t = useT();
  const units = useUnits();
  const person = usePeople(items.map((one) => one.requester));
  const about = useAbout();
  return (
    <div class="table-wrap">
      <table class="rows">
        <thead>
          <tr>
            {[w.state, w.subject, w.applicantUnit, w.applicant, w.filedAt, w.lastStep].map((word) => (
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
                <StateTag register="applications" state={one.stage} />
              </td>
              <td class="prose">
                <a href={link(`work/applications/${kind}/${one.id}`)}>{about(one)}</a>
              </td>
              <td>{named(units, one.unit)}</td>
              <td>{person(one.requester)}</td>
              <td class="time">{told(one.history[0]?.at)}</td>
              <td class="time">{told(one.history[one.history.length - 1]?.at)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What an application is about, in a line. */
function useAbout(): (application: AnyApplication) => string {
  const t = useT();
  const cameras = useCameras();
  return ({ form }) => {
    if (!("terms" in form)) return `${form.name} · ${form.roles.map((role) => t(ROLE_WORDS[role] ?? { zh: role, en: role })).join("、")}`;
    const places = [...(form.terms.areas ?? []), ...(form.terms.cameras ?? []).map((id) => named(cameras, id))];
    const rest = places.length > 3 ? ` +${places.length - 3}` : "";
    return `${form.terms.purposes.join(" ")} · ${places.slice(0, 3).join("、")}${rest}`;
  };
}
