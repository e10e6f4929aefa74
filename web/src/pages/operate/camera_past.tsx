// What a camera was: its versions, and what differs between two of them; and its end in the catalogue.

import { useState } from "preact/hooks";

import { all, remove } from "../../api/client";
import { go, link } from "../../router";
import { useAsked } from "../../ui/asked";
import { Dialog } from "../../ui/dialog";
import { Loading, Refusal, Tag } from "../../ui/states";
import { Table, type Column } from "../../ui/table";
import { toast } from "../../ui/toast";
import { useT, when } from "../../words";
import { usePeople } from "../work/names";
import type { Camera } from "./camera_form";
import { FIELDS, w } from "./catalogue_words";

interface Line {
  at: string;
  by: string;
  removed: boolean;
  camera: Camera;
}

interface Difference {
  field: string;
  zh: string;
  before?: string | null;
  after?: string | null;
}

export function CameraPast({ id }: { id: string }) {
  const t = useT();
  const path = `/cameras/${encodeURIComponent(id)}`;
  const { value, refused } = useAsked<Line[]>(`${path}/history?limit=500`, undefined, all);
  const [compared, compare] = useState<number | null>(null);
  const [leaving, leave] = useState(false);
  const person = usePeople(value?.map((one) => one.by) ?? []);
  const columns: Column<Line>[] = [
    { title: w.version, number: true, cell: (one) => one.camera.version },
    { title: w.at, cell: (one) => when(one.at) },
    { title: w.by, cell: (one) => person(one.by) },
    { title: FIELDS["name"] ?? w.field, cell: (one) => <>{one.camera.name} {one.removed && <Tag tone="bad">{t(w.gone)}</Tag>}</> },
    {
      title: w.compare,
      cell: ({ camera: { version } }) =>
        version > 1 && (
          <button type="button" class="plain" onClick={() => compare(version)} aria-label={`${t(w.compare)}: ${version}`}>
            {t(w.compare)}
          </button>
        ),
    },
  ];
  return (
    <section>
      <header class="page-head">
        <h2>
          {t(w.history)} <small class="quiet">{id}</small>
        </h2>
        <div class="actions">
          <a class="button" href={link("operate/catalogue")}>
            {t(w.back)}
          </a>
          <button type="button" class="danger" onClick={() => leave(true)}>
            {t(w.remove)}
          </button>
        </div>
      </header>
      <Refusal of={refused} />
      {value ? <Table rows={value} columns={columns} keyOf={(one) => one.at} caption={w.history} /> : !refused && <Loading />}
      {compared && <Compare path={path} version={compared} onClose={() => compare(null)} />}
      {leaving && <Leave path={path} id={id} onClose={() => leave(false)} />}
    </section>
  );
}

function Compare({ path, version, onClose }: { path: string; version: number; onClose: () => void }) {
  const t = useT();
  const { value, refused } = useAsked<{ changes: Difference[] }>(`${path}/diff?from=${version - 1}&to=${version}`);
  const columns: Column<Difference>[] = [
    { title: w.field, cell: (one) => t(FIELDS[one.field] ?? { zh: one.zh, en: one.field }) },
    { title: w.before, cell: (one) => one.before ?? "" },
    { title: w.after, cell: (one) => one.after ?? "" },
  ];
  return (
    <Dialog wide title={{ zh: `版本 ${version - 1} → ${version}`, en: `Version ${version - 1} → ${version}` }} onClose={onClose}>
      <Refusal of={refused} />
      {value ? <Table rows={value.changes} columns={columns} keyOf={(one) => one.field} empty={w.same} /> : <Loading />}
    </Dialog>
  );
}

/** The id is typed once more: what leaves the catalogue is no longer pulled, watched or recorded. */
function Leave({ path, id, onClose }: { path: string; id: string; onClose: () => void }) {
  const t = useT();
  const [typed, type] = useState("");
  const [refused, refuse] = useState<unknown>(null);
  const run = async (event: Event) => {
    event.preventDefault();
    await remove(path).then(() => {
      toast(t(w.removed));
      go("operate/catalogue");
    }, refuse);
  };
  return (
    <Dialog title={w.remove} onClose={onClose}>
      <form onSubmit={run}>
        <label class="field">
          <span>{id}</span>
          <input value={typed} onInput={(e) => type(e.currentTarget.value)} />
        </label>
        <Refusal of={refused} />
        <div class="actions">
          <button type="button" onClick={onClose}>
            {t(w.cancel)}
          </button>
          <button type="submit" class="danger" disabled={typed !== id}>
            {t(w.remove)}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
