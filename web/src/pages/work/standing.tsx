// How a unit stands when its form is decided: its head, its statement, its staff's statements and trainings, its suspensions, and the
// grants that it has already. What the reader may not see says so, and is not asked for: each refusal stands on the ledger.

import registers from "virtual:registers";

import { type Me, useMe } from "../../api/me";
import { told } from "../../forms/moments";
import { type Entry, readsUnit } from "../../registers/rules";
import { useAsked } from "../../ui/asked";
import { useT } from "../../words";
import { useUnits } from "./names";
import { useVersions } from "./statement_texts";
import { w } from "./words";

interface Items<T> {
  items: T[];
  next?: string | null;
}

interface Grant {
  id: string;
  state_now: string;
}

/** Most records that are counted; past that the count says so. */
const COUNT_MAX = 500;

/** Who sees the grants of all units. */
const OVERSEERS = ["bureau_approver", "audit_admin", "security_admin"];

function reads(register: string, me: Me, unit: string): boolean {
  const rules = registers.find((one) => one.name === register);
  return rules !== undefined && readsUnit(rules, me, unit);
}

function useCounted(register: string, unit: string, query: string) {
  const shown = reads(register, useMe(), unit);
  const { value, refused } = useAsked<Items<Entry>>(shown ? `/${register}?${query}&limit=${COUNT_MAX}` : null);
  return { items: value?.items ?? null, more: !!value?.next, hidden: !shown || !!refused };
}

/** Whether a person's statement is in force; null where that is not known. */
export function useSigned(user: string | null, unit: string): boolean | null {
  const shown = reads("staff-statements", useMe(), unit);
  const version = useVersions("staff")[0]?.text_version;
  const { value } = useAsked<Items<Entry>>(user && shown ? `/staff-statements?user=${user}&state=in_force&limit=100` : null);
  return value ? value.items.some((one) => one.text_version === version) : null;
}

/** The panel; `user` narrows statements and trainings to one person. */
export function Standing({ unit, user }: { unit: string; user?: string }) {
  const t = useT();
  const me = useMe();
  const seesGrants = me.unit === unit || me.roles.some((role) => OVERSEERS.includes(role));
  const of = user ? `user=${user}` : `unit=${unit}`;
  const row = useUnits().find((one) => one.id === unit);
  const statement = useCounted("unit-statements", unit, `unit=${unit}&state=signed`);
  const staff = useCounted("staff-statements", unit, `${of}&state=in_force`);
  const training = useCounted("training-records", unit, `${of}&state=in_force`);
  const suspensions = useCounted("unit-suspensions", unit, `unit=${unit}&state=in_force`);
  const suspended = suspensions.items?.filter((one) => one.suspended_unit === unit) ?? null;
  const grants = useAsked<Items<Grant>>(seesGrants ? `/grants?unit=${unit}&state=active&limit=100` : null);
  const unitVersion = useVersions("unit")[0]?.text_version;
  const staffVersion = useVersions("staff")[0]?.text_version;
  const signed = statement.items?.find((one) => one.text_version === unitVersion);
  const signers = staff.items?.filter((one) => one.text_version === staffVersion) ?? null;
  const people = (items: Entry[] | null, more: boolean) => {
    const count = new Set(items?.map((one) => one.user)).size;
    return count > 0 ? t(w.standingPeople, { n: `${count}${more ? "+" : ""}` }) : null;
  };
  return (
    <section class="standing">
      <h2>{t(w.standing)}</h2>
      <dl>
        <Row name={t(w.standingPrincipal)} good={row?.principal ?? null} />
        <Row
          name={t(w.standingStatement)}
          hidden={statement.hidden}
          good={signed ? `${String(signed.text_version)},${t(w.standingUntil, { d: told(String(signed.valid_to)) })}` : null}
        />
        <Row name={t(w.standingStaff)} hidden={staff.hidden} good={people(signers, staff.more)} />
        <Row name={t(w.standingTraining)} hidden={training.hidden} good={people(training.items, training.more)} />
        <Suspended hidden={suspensions.hidden} why={suspended?.[0] ? String(suspended[0].why) : null} />
        <Row name={t(w.standingGrants)} hidden={!seesGrants || !!grants.refused} good={grants.value ? String(grants.value.items.length) : null} />
      </dl>
    </section>
  );
}

function Row({ name, good, hidden }: { name: string; good: string | null; hidden?: boolean }) {
  const t = useT();
  return (
    <div class={good || hidden ? undefined : "lacks"}>
      <dt>{name}</dt>
      <dd>{hidden ? t(w.notShown) : (good ?? t(w.standingMissing))}</dd>
    </div>
  );
}

function Suspended({ why, hidden }: { why: string | null; hidden: boolean }) {
  const t = useT();
  return (
    <div class={why ? "lacks" : undefined}>
      <dt>{t(w.standingSuspended)}</dt>
      <dd>{hidden ? t(w.notShown) : why ? t(w.standingSuspendedNow, { why }) : t(w.standingNone)}</dd>
    </div>
  );
}
