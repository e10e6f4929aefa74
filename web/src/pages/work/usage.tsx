// The usage register with the six columns of J-24(3), as it is kept and as it is printed.

import { useState } from "preact/hooks";

import { useMe } from "../../api/me";
import { fromDay, toDay, told, toldStretch } from "../../forms/moments";
import { Refusal } from "../../ui/states";
import { language, useT } from "../../words";
import { filtered, useListed } from "./asking";
import { CsvOut } from "./csv";
import { named, useCameras, usePeople, usePurposes, useUnits } from "./names";
import { UnitFilter } from "./register_list";
import { SheetFoot, SheetHead } from "./sheet";
import { END_WORDS, MEDIUM_WORDS, w } from "./words";

interface Usage {
  session: string;
  purpose: string;
  user: string;
  approver: string;
  content: { camera: string; profile: string; from?: string | null; to?: string | null };
  opened_at: string;
  medium: string;
  unit: string;
  reason: string;
  closed_at?: string | null;
  end_reason?: string | null;
}

const OVERSEERS = ["bureau_approver", "audit_admin", "security_admin"];

function monthAgo(): string {
  const at = new Date();
  at.setMonth(at.getMonth() - 1);
  return toDay(at.toISOString());
}

/** The page. */
export function UsageRegister() {
  const t = useT();
  const me = useMe();
  const [from, setFrom] = useState(monthAgo);
  const [to, setTo] = useState(() => toDay(new Date().toISOString()));
  const [unit, setUnit] = useState("");
  const path = filtered("/usage", { ...(from && to && { from: fromDay(from), to: fromDay(to, 1) }), unit });
  const { items, refusal, more } = useListed<Usage>(path, 100);
  return (
    <article class="register">
      <header class="page-head">
        <h1>{t(w.usage)}</h1>
        <div class="actions">
          <CsvOut path={path} name={`usage-${from}-${to}`} />
          <button type="button" onClick={() => print()}>
            {t(w.print)}
          </button>
        </div>
      </header>
      <div class="filters">
        <Day label={t(w.from)} value={from} put={setFrom} />
        <Day label={t(w.to)} value={to} put={setTo} />
        {me.roles.some((role) => OVERSEERS.includes(role)) && <UnitFilter value={unit} put={setUnit} />}
      </div>
      <Refusal of={refusal} />
      <SheetHead title={t(w.usage)} about={`J-24(3) · ${from} – ${to}`} />
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

function Day({ label, value, put }: { label: string; value: string; put: (value: string) => void }) {
  return (
    <label class="filter">
      <span>{label}</span>
      <input type="date" value={value} onChange={(event) => put(event.currentTarget.value)} />
    </label>
  );
}

function Rows({ items }: { items: Usage[] }) {
  const t = useT();
  const tongue = language();
  const units = useUnits();
  const cameras = useCameras();
  const purposes = usePurposes();
  const person = usePeople(items.flatMap((one) => [one.user, one.approver]));
  const word = (table: Record<string, { zh: string; en: string }>, key: string) => t(table[key] ?? { zh: key, en: key });
  const content = ({ camera, from, to }: Usage["content"]) => `${named(cameras, camera)} ${from && to ? toldStretch(from, to) : t(w.live)}`;
  return (
    <div class="table-wrap">
      <table class="rows usage">
        <thead>
          <tr>
            {[w.usagePurpose, w.usageUser, w.usageApprover, w.usageContent, w.usageTime, w.usageMedium, w.usageReason, w.usageEnd].map((label) => (
              <th scope="col" key={label.en}>
                {t(label)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {items.map((one) => (
            <tr key={one.session + one.opened_at}>
              <td class="prose">
                {one.purpose} {purposes.find((purpose) => purpose.code === one.purpose)?.[tongue]}
              </td>
              <td>
                {person(one.user)} <small>{named(units, one.unit)}</small>
              </td>
              <td>{person(one.approver)}</td>
              <td>{content(one.content)}</td>
              <td class="time">{told(one.opened_at)}</td>
              <td>{word(MEDIUM_WORDS, one.medium)}</td>
              <td class="prose">{one.reason}</td>
              <td class="time">{one.closed_at ? `${told(one.closed_at)} ${word(END_WORDS, one.end_reason ?? "")}` : "—"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
