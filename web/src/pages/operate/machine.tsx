// What the machine is made of: storage volumes with their forecast, and the cores that carry media.

import { useAsked } from "../../ui/asked";
import { Loading, Refusal, Tag } from "../../ui/states";
import { Table } from "../../ui/table";
import { bytes, span, useT, type Both } from "../../words";
import { percent, type Sample } from "./metrics";
import { words as w } from "./words";

interface Volume {
  volume: string;
  state: string;
  capacity_bytes: number;
  free_bytes: number;
  protected_bytes: number;
  bytes_per_second: number;
  full_seconds: number | null;
  floor_danger_seconds: number | null;
  ordinary_danger_seconds: number | null;
  key_target_danger_seconds: number | null;
  voluntary_danger_seconds: number | null;
}

const EVERY_MS = 5_000;

const STATES: Record<string, Both> = { ready: w.ready, failed: w.failed, away: w.away, foreign: w.foreign };

export function Machine() {
  return (
    <>
      <Volumes />
      <Cores />
    </>
  );
}

function Volumes() {
  const t = useT();
  const { value, refused } = useAsked<{ items: Volume[] }>("/reports/outlook", EVERY_MS);
  if (!value) return refused ? <Refusal of={refused} /> : <Loading />;
  return (
    <section>
      <h2>{t(w.volumes)}</h2>
      <Refusal of={refused} />
      <Table
        rows={value.items}
        keyOf={(volume) => volume.volume}
        caption={w.volumes}
        columns={[
          { title: w.volume, cell: (v) => <code>{v.volume}</code> },
          { title: w.state, cell: (v) => <Tag tone={v.state === "ready" ? "good" : "bad"}>{t(STATES[v.state] ?? { zh: v.state, en: v.state })}</Tag> },
          { title: w.used, cell: (v) => <Used of={v} /> },
          { title: w.free, cell: (v) => bytes(v.free_bytes), number: true },
          { title: w.guarded, cell: (v) => bytes(v.protected_bytes), number: true },
          { title: w.written, cell: (v) => bytes(v.bytes_per_second), number: true },
          { title: w.full, cell: (v) => foreseen(v.full_seconds, t) },
          { title: w.danger, cell: (v) => <InDanger of={v} /> },
        ]}
      />
    </section>
  );
}

function foreseen(seconds: number | null, t: (words: Both) => string) {
  return seconds === null ? t(w.never) : span(seconds);
}

/** When any floor is in danger, and beneath it by class. */
function InDanger({ of: volume }: { of: Volume }) {
  const t = useT();
  const classes: [Both, number | null][] = [
    [w.ordinary, volume.ordinary_danger_seconds],
    [w.keyTarget, volume.key_target_danger_seconds],
    [w.voluntary, volume.voluntary_danger_seconds],
  ];
  return (
    <>
      {foreseen(volume.floor_danger_seconds, t)}
      {classes.map(([name, seconds]) => (
        <div class="quiet" key={name.en}>
          {t(name)}: {foreseen(seconds, t)}
        </div>
      ))}
    </>
  );
}

function Used({ of: volume }: { of: Volume }) {
  const t = useT();
  const share = volume.capacity_bytes ? 1 - volume.free_bytes / volume.capacity_bytes : 0;
  const said = percent(share);
  return (
    <>
      <meter value={share} aria-label={`${t(w.used)}: ${volume.volume}`}>
        {said}
      </meter>{" "}
      {said}
    </>
  );
}

function Cores() {
  const t = useT();
  const { value, refused } = useAsked<Sample[]>("/system/metrics", EVERY_MS);
  if (!value) return refused ? <Refusal of={refused} /> : <Loading />;
  const cores = value.filter((sample) => sample.name === "sluice_core_busy_ratio");
  return (
    <section>
      <h2>{t(w.coreList)}</h2>
      <Table
        rows={cores}
        keyOf={(core) => core.labels.core ?? ""}
        caption={w.coreList}
        columns={[
          { title: w.core, cell: (c) => c.labels.core },
          {
            title: w.busy,
            cell: (c) => (
              <>
                <meter value={c.value} aria-label={`${t(w.busy)}: ${c.labels.core}`} /> {percent(c.value)}
              </>
            ),
          },
        ]}
      />
    </section>
  );
}
