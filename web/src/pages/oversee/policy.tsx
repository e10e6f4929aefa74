// The rules in force: which refusal rests on what.

import { useAsked } from "../../ui/asked";
import { Loading, Refusal } from "../../ui/states";
import { Table } from "../../ui/table";
import { useT, when } from "../../words";
import { words as w } from "./words";

interface Rules {
  version: string;
  since: string;
  policies: { code: string; articles: string[]; id?: string }[];
}

export function Policy() {
  const t = useT();
  const { value, refused } = useAsked<Rules>("/policy");
  if (refused) return <Refusal of={refused} />;
  if (!value) return <Loading />;
  return (
    <section>
      <dl class="facts">
        <div>
          <dt>{t(w.version)}</dt>
          <dd>
            <code>{value.version}</code>
          </dd>
        </div>
        <div>
          <dt>{t(w.inForce)}</dt>
          <dd>{when(value.since)}</dd>
        </div>
      </dl>
      <br />
      <Table
        rows={value.policies}
        keyOf={(rule) => `${rule.code}-${rule.id ?? ""}`}
        caption={w.policy}
        columns={[
          { title: w.code, cell: (rule) => <code>{rule.code}</code> },
          { title: w.articles, cell: (rule) => rule.articles.join("、") },
        ]}
      />
    </section>
  );
}
