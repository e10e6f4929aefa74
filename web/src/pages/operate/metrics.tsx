// Small charts of what an operator judges, kept for a quarter of an hour in the page; all values below them.

import { useEffect, useRef, useState } from "preact/hooks";

import { useAsked } from "../../ui/asked";
import { TextField } from "../../ui/field";
import { Loading, Refusal } from "../../ui/states";
import { Table } from "../../ui/table";
import { bytes, locale, useT, type Both } from "../../words";
import { words as w } from "./words";

/** One value of a metric. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const EVERY_MS = 3_000;
const KEPT_MS = 15 * 60_000;

interface Chart {
  title: Both;
  of: (samples: Sample[]) => number | undefined;
  /** It counts: the chart is of its rise a second. */
  rate?: boolean;
  shown: (value: number) => string;
}

const sum = (name: string) => (samples: Sample[]) => {
  const found = samples.filter((sample) => sample.name === name);
  return found.length ? found.reduce((all, sample) => all + sample.value, 0) : undefined;
};
const most = (name: string) => (samples: Sample[]) => {
  const found = samples.filter((sample) => sample.name === name).map((sample) => sample.value);
  return found.length ? Math.max(...found) : undefined;
};
const least = (name: string) => (samples: Sample[]) => {
  const found = samples.filter((sample) => sample.name === name).map((sample) => sample.value);
  return found.length ? Math.min(...found) : undefined;
};
const plain = (value: number) => value.toLocaleString(locale(), { maximumFractionDigits: 2 });
export const percent = (value: number) => `${Math.round(value * 100)} %`;

const CHARTS: Chart[] = [
  { title: w.cores, of: most("sluice_core_busy_ratio"), shown: percent },
  { title: w.sessions, of: sum("sluice_sessions"), shown: plain },
  { title: w.egress, of: sum("sluice_egress_bytes_total"), rate: true, shown: bytes },
  { title: w.free, of: least("sluice_volume_free_bytes"), shown: bytes },
  { title: w.cpu, of: sum("process_cpu_seconds_total"), rate: true, shown: plain },
  { title: w.memory, of: sum("process_resident_memory_bytes"), shown: bytes },
  { title: w.ledgerAge, of: most("sluice_ledger_checkpoint_age_seconds"), shown: plain },
  { title: w.unrecorded, of: sum("sluice_sessions_without_record"), shown: plain },
];

export function Metrics() {
  const t = useT();
  const { value, refused } = useAsked<Sample[]>("/system/metrics", EVERY_MS);
  const history = useRef<{ at: number; samples: Sample[] }[]>([]);
  const [find, setFind] = useState("");
  useEffect(() => {
    if (!value) return;
    const now = Date.now();
    history.current = [...history.current.filter((past) => now - past.at < KEPT_MS), { at: now, samples: value }];
  }, [value]);
  if (!value) return refused ? <Refusal of={refused} /> : <Loading />;
  const said = find.trim().toLowerCase();
  const rows = value.filter((sample) => !said || `${sample.name} ${JSON.stringify(sample.labels)}`.toLowerCase().includes(said));
  const past = [...history.current.filter((one) => one.samples !== value), { at: Date.now(), samples: value }];
  return (
    <section>
      <Refusal of={refused} />
      <div class="charts">
        {CHARTS.map((chart) => (
          <Figure key={chart.title.en} chart={chart} past={past} />
        ))}
      </div>
      <h2>{t(w.everything)}</h2>
      <div class="filters">
        <TextField label={w.filter} type="search" value={find} onValue={setFind} />
      </div>
      <Table
        rows={rows}
        keyOf={(sample) => `${sample.name}${JSON.stringify(sample.labels)}`}
        caption={w.everything}
        columns={[
          { title: w.metric, cell: (s) => <code>{s.name}</code> },
          { title: w.labels, cell: (s) => Object.entries(s.labels).map(([key, label]) => `${key}=${label}`).join(" ") },
          { title: w.value, cell: (s) => plain(s.value), number: true },
        ]}
      />
    </section>
  );
}

function Figure({ chart, past }: { chart: Chart; past: { at: number; samples: Sample[] }[] }) {
  const t = useT();
  const points = past.flatMap(({ at, samples }) => {
    const value = chart.of(samples);
    return value === undefined ? [] : [{ at, value }];
  });
  const line = chart.rate
    ? points.slice(1).map((point, before) => {
        const last = points[before] ?? point;
        return { at: point.at, value: Math.max(0, (point.value - last.value) / Math.max(0.001, (point.at - last.at) / 1000)) };
      })
    : points;
  const newest = line.at(-1);
  const top = Math.max(...line.map((point) => point.value), 0) || 1;
  const [first, width] = [line[0]?.at ?? 0, Math.max(1, (newest?.at ?? 0) - (line[0]?.at ?? 0))];
  const drawn = line.map((point) => `${(((point.at - first) / width) * 100).toFixed(2)},${(38 - (point.value / top) * 36).toFixed(2)}`).join(" ");
  const said = newest ? chart.shown(newest.value) : "–";
  return (
    <figure class="card chart">
      <figcaption>
        <span>{t(chart.title)}</span>
        <strong>{said}</strong>
      </figcaption>
      <svg viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label={`${t(chart.title)}: ${said}`}>
        <polyline points={drawn} />
      </svg>
    </figure>
  );
}
