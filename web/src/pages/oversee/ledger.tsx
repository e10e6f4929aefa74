// The ledger: how it stands, its entries, and the check that this browser makes itself.

import { useState } from "preact/hooks";

import { get, type Page } from "../../api/client";
import { useAsked } from "../../ui/asked";
import { TextField } from "../../ui/field";
import { Loading, Refusal, Tag } from "../../ui/states";
import { Table } from "../../ui/table";
import { useT, when, type Both } from "../../words";
import { Check } from "./check";
import { Prove } from "./prove";
import { words as w } from "./words";

interface Status {
  origin: string;
  key: string;
  size: number;
  checkpoint_size: number;
  checkpoint_root: string;
  poisoned?: string | null;
  witness?: { name: string; size?: number | null; at?: string | null; trouble?: string | null } | null;
}

const EVERY_MS = 5_000;
/** Where the auditor's key is kept, in this browser alone. */
const KEPT = "sluice-ledger-key";

export function Ledger() {
  const t = useT();
  const { value, refused } = useAsked<Status>("/ledger/status", EVERY_MS);
  const [key, setKey] = useState(() => localStorage.getItem(KEPT) ?? "");
  const keep = (text: string) => {
    setKey(text);
    localStorage.setItem(KEPT, text.trim());
  };
  if (!value && !refused) return <Loading />;
  return (
    <section>
      <Refusal of={refused} />
      {value && (
        <dl class="facts">
          <Fact word={w.origin}>{value.origin}</Fact>
          <Fact word={w.size}>{value.size}</Fact>
          <Fact word={w.signed}>{value.checkpoint_size}</Fact>
          <Fact word={w.root}>
            <code>{value.checkpoint_root}</code>
          </Fact>
          <Fact word={w.takes}>{value.poisoned ? <Tag tone="bad">{value.poisoned}</Tag> : <Tag tone="good">{t(w.yes)}</Tag>}</Fact>
          <Fact word={w.witness}>
            {value.witness ? `${value.witness.name} · ${value.witness.size ?? 0} · ${when(value.witness.at)}` : <Tag tone="warn">{t(w.noWitness)}</Tag>}
          </Fact>
        </dl>
      )}
      <Check keyText={key} onKey={keep} />
      <Prove keyText={key} />
      <Entries />
    </section>
  );
}

function Fact({ word, children }: { word: Both; children: preact.ComponentChildren }) {
  const t = useT();
  return (
    <div>
      <dt>{t(word)}</dt>
      <dd>{children}</dd>
    </div>
  );
}

interface Entry {
  index: number;
  event: Record<string, unknown>;
}

function Entries() {
  const t = useT();
  const [from, setFrom] = useState("0");
  const [rows, setRows] = useState<Entry[]>([]);
  const [next, setNext] = useState<string | number | null>(null);
  const [refused, setRefused] = useState<unknown>(null);
  const part = async (start: string | number, more: boolean) => {
    try {
      const page = await get<Page<Entry>>(`/ledger?from=${start}&limit=50`);
      setRows((was) => (more ? [...was, ...page.items] : page.items));
      setNext(page.next ?? null);
    } catch (error) {
      setRefused(error);
    }
  };
  const text = (entry: Entry, ...path: string[]) => {
    const found = path.reduce<unknown>((at, key) => (at && typeof at === "object" ? (at as Record<string, unknown>)[key] : undefined), entry.event);
    return found === undefined || found === null ? "" : typeof found === "object" ? JSON.stringify(found) : String(found);
  };
  return (
    <section>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          void part(from || "0", false);
        }}
      >
        <TextField label={w.fromEntry} type="number" min="0" value={from} onValue={setFrom} />
        <button type="submit">{t(w.show)}</button>
      </form>
      <Refusal of={refused} />
      {rows.length > 0 && (
        <Table
          rows={rows}
          keyOf={(entry) => String(entry.index)}
          caption={w.entries}
          onMore={next != null ? () => void part(next, true) : null}
          columns={[
            { title: { zh: "序号", en: "No." }, cell: (e) => e.index, number: true },
            { title: w.at, cell: (e) => when(text(e, "at")) },
            { title: w.kind, cell: (e) => <code>{text(e, "kind")}</code> },
            { title: w.actor, cell: (e) => text(e, "actor", "user") },
            { title: w.object, cell: (e) => text(e, "object") },
            { title: w.decision, cell: (e) => text(e, "decision") },
            { title: w.code, cell: (e) => text(e, "code") },
            { title: w.articles, cell: (e) => text(e, "articles").replace(/[[\]"]/g, "") },
          ]}
        />
      )}
    </section>
  );
}
