// The ledger: how it stands, its entries, and the check that this browser makes itself.

import { useEffect, useRef, useState } from "preact/hooks";

import { get, type Page } from "../../api/client";
import type { Fault } from "../../ledger/verify";
import type { Told } from "../../ledger/worker";
import { useAsked } from "../../ui/asked";
import { TextField } from "../../ui/field";
import { Loading, Progress, Refusal, Tag } from "../../ui/states";
import { Table } from "../../ui/table";
import { useT, when, type Both } from "../../words";
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

export function Ledger() {
  const t = useT();
  const { value, refused } = useAsked<Status>("/ledger/status", EVERY_MS);
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
      <Check />
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

const KEPT = "sluice-ledger-key";

function Check() {
  const t = useT();
  const [key, setKey] = useState(localStorage.getItem(KEPT) ?? "");
  const [told, tell] = useState<Told | null>(null);
  const worker = useRef<Worker | null>(null);
  useEffect(() => () => worker.current?.terminate(), []);
  const begin = (event: Event) => {
    event.preventDefault();
    localStorage.setItem(KEPT, key);
    worker.current?.terminate();
    const one = new Worker(new URL("../../ledger/worker.ts", import.meta.url), { type: "module" });
    one.onmessage = (said: MessageEvent<Told>) => tell(said.data);
    one.onerror = (error) => tell({ fault: { what: "unreachable", detail: error.message } });
    one.postMessage({ key });
    worker.current = one;
    tell({ progress: 0, of: 1 });
  };
  return (
    <form class="card check" onSubmit={begin}>
      <TextField label={w.key} hint={w.keyHint} value={key} onValue={setKey} required />
      <button type="submit" class="main" disabled={!key}>
        {t(w.verify)}
      </button>
      {told && "progress" in told && <Progress share={told.progress / told.of} label={w.verifying} />}
      {told && "verified" in told && (
        <p role="status" class="verified">
          <Tag tone="good">✓</Tag> {t(w.verified, { n: told.verified, root: told.root })}
        </p>
      )}
      {told && "fault" in told && (
        <p role="alert" class="refusal" data-entry={told.fault.entry}>
          {t(wordOf(told.fault), { entry: told.fault.entry ?? 0, detail: told.fault.detail ?? "" })}
        </p>
      )}
    </form>
  );
}

function wordOf(fault: Fault): Both {
  const all: Record<Fault["what"], Both> = {
    key: w.faultKey,
    checkpoint: w.faultCheckpoint,
    signature: w.faultSignature,
    bundle: w.faultBundle,
    entry: w.faultEntry,
    tile: w.faultTile,
    root: w.faultRoot,
    unreachable: w.faultUnreachable,
  };
  return all[fault.what];
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
