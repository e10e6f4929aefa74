// The configuration in force since the start, with what was set in the file and what is a default. The appliance hides secrets.

import { useState } from "preact/hooks";

import { useAsked } from "../../ui/asked";
import { TextField } from "../../ui/field";
import { Loading, Refusal } from "../../ui/states";
import { Table } from "../../ui/table";
import { useT } from "../../words";
import { words as w } from "./words";

interface Setting {
  key: string;
  value: string | null;
  line: number | null;
}

export function Config() {
  const t = useT();
  const { value, refused } = useAsked<Setting[]>("/system/config");
  const [find, setFind] = useState("");
  const [onlySet, setOnlySet] = useState(false);
  if (!value) return refused ? <Refusal of={refused} /> : <Loading />;
  const said = find.trim().toLowerCase();
  const rows = value.filter((one) => (!onlySet || one.line !== null) && `${one.key} ${one.value ?? ""}`.toLowerCase().includes(said));
  return (
    <section>
      <p class="fine">{t(w.sinceStart)}</p>
      <div class="filters">
        <TextField label={w.filter} type="search" value={find} onValue={setFind} />
        <label>
          <input type="checkbox" checked={onlySet} onChange={(event) => setOnlySet(event.currentTarget.checked)} /> {t(w.onlySet)}
        </label>
      </div>
      <Table
        rows={rows}
        keyOf={(one) => one.key}
        caption={w.config}
        columns={[
          { title: w.key, cell: (one) => <code>{one.key}</code> },
          { title: w.value, cell: (one) => (one.value === null ? t(w.unset) : <code>{one.value}</code>) },
          { title: w.from, cell: (one) => (one.line === null ? t(w.byDefault) : t(w.inLine, { line: one.line })) },
        ]}
      />
    </section>
  );
}
