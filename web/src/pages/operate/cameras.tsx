// Cameras by state, the faulty ones first: what is wrong, since when, and whom to call.

import { useState } from "preact/hooks";

import { all } from "../../api/client";
import { useAsked } from "../../ui/asked";
import { ChoiceField, TextField } from "../../ui/field";
import { Loading, Refusal, Tag } from "../../ui/states";
import { Table } from "../../ui/table";
import { useT, when } from "../../words";
import { words as w } from "./words";

interface Camera {
  id: string;
  name: string;
  location_name: string;
  maintenance_unit: string;
  contact: string;
  device_status: "online" | "connecting" | "offline";
  device_status_reason?: string | null;
  device_status_since?: string | null;
}

const EVERY_MS = 5_000;
const ORDER = { offline: 0, connecting: 1, online: 2 };
const TONE = { offline: "bad", connecting: "warn", online: "good" } as const;

export function Cameras() {
  const t = useT();
  const [state, setState] = useState("");
  const [find, setFind] = useState("");
  const { value, refused } = useAsked<Camera[]>("/cameras?limit=500", EVERY_MS, (path) => all<Camera>(path));
  if (!value && !refused) return <Loading />;
  const cameras = value ?? [];
  const count = (of: string) => cameras.filter((camera) => camera.device_status === of).length;
  const said = find.trim().toLowerCase();
  const rows = cameras
    .filter((camera) => !state || camera.device_status === state)
    .filter((camera) => !said || [camera.id, camera.name, camera.location_name].some((text) => text.toLowerCase().includes(said)))
    .sort((a, b) => ORDER[a.device_status] - ORDER[b.device_status] || a.id.localeCompare(b.id));
  return (
    <section>
      <Refusal of={refused} />
      <p>
        {(["online", "connecting", "offline"] as const).map((one) => (
          <span key={one}>
            <Tag tone={TONE[one]}>
              {t(w[one])} {count(one)}
            </Tag>{" "}
          </span>
        ))}
      </p>
      <div class="filters">
        <TextField label={w.find} type="search" value={find} onValue={setFind} />
        <ChoiceField
          label={w.state}
          value={state}
          onValue={setState}
          choices={[{ value: "", word: t(w.all) }, ...(["offline", "connecting", "online"] as const).map((one) => ({ value: one, word: t(w[one]) }))]}
        />
      </div>
      <Table
        rows={rows}
        keyOf={(camera) => camera.id}
        caption={w.cameras}
        columns={[
          { title: w.id, cell: (c) => c.id },
          { title: w.name, cell: (c) => c.name },
          { title: w.state, cell: (c) => <Tag tone={TONE[c.device_status]}>{t(w[c.device_status])}</Tag> },
          { title: w.reason, cell: (c) => <code>{c.device_status_reason ?? ""}</code> },
          { title: w.since, cell: (c) => when(c.device_status_since) },
          { title: w.location, cell: (c) => c.location_name },
          { title: w.maintenance, cell: (c) => c.maintenance_unit },
          { title: w.contact, cell: (c) => c.contact },
        ]}
      />
    </section>
  );
}
