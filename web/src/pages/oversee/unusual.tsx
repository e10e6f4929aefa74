// Accounts that were suspended for unusual use, with what was counted; the review is done on the record's own page.

import { all } from "../../api/client";
import { link } from "../../router";
import { stateWord } from "../../registers/words";
import { useAsked } from "../../ui/asked";
import { Loading, Refusal, Tag } from "../../ui/states";
import { Table, type Column } from "../../ui/table";
import { useT, when } from "../../words";
import { named, usePeople, useUnits } from "../work/names";
import { words as w } from "./words";

interface Suspended {
  id: string;
  unit: string;
  user: string;
  rule: string;
  evidence: string;
  state: "suspended" | "lifted" | "upheld";
  since: string;
}

/** The part. */
export function Unusual() {
  const t = useT();
  const { value, refused } = useAsked<Suspended[]>("/suspensions?order=newest", undefined, all);
  const person = usePeople(value?.map((one) => one.user) ?? []);
  const units = useUnits();
  const columns: Column<Suspended>[] = [
    { title: w.user, cell: (one) => <a href={link(`work/register/suspensions/${one.id}`)}>{person(one.user)}</a> },
    { title: w.unit, cell: (one) => named(units, one.unit) },
    { title: w.rule, cell: (one) => one.rule },
    { title: w.evidence, cell: (one) => one.evidence },
    { title: w.state, cell: (one) => <Tag tone={one.state === "suspended" ? "bad" : "quiet"}>{t(stateWord("suspensions", one.state))}</Tag> },
    { title: w.since, cell: (one) => when(one.since) },
  ];
  return (
    <section>
      <p class="quiet">{t(w.unusualNote)}</p>
      <Refusal of={refused} />
      {value ? <Table rows={value} columns={columns} keyOf={(one) => one.id} empty={w.noUnusual} caption={w.unusual} /> : !refused && <Loading />}
    </section>
  );
}
