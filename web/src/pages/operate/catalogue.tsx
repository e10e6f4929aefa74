// The catalogue for its keeper: find, enrol, change, import and export, and what each camera was before.

import { useRef, useState } from "preact/hooks";

import { all, blob, postText } from "../../api/client";
import { link } from "../../router";
import { useAsked } from "../../ui/asked";
import { TextField } from "../../ui/field";
import { Loading, Refusal, Tag } from "../../ui/states";
import { Table, type Column } from "../../ui/table";
import { useT } from "../../words";
import { saveAs } from "../work/csv";
import { named, useUnits } from "../work/names";
import { CameraForm, type Camera } from "./camera_form";
import { CameraPast } from "./camera_past";
import { FIELDS, w } from "./catalogue_words";
import { words as shared } from "./words";

/** Rows that are drawn; the search narrows. */
const ROWS_MAX = 200;

/** The part; `id` is the camera whose past is looked at. */
export function Catalogue({ id }: { id: string }) {
  return id ? <CameraPast id={id} /> : <List />;
}

function List() {
  const t = useT();
  const [words, setWords] = useState("");
  const { value, refused, again } = useAsked<Camera[]>("/cameras?limit=500", undefined, all);
  const [editing, edit] = useState<Camera | "new" | null>(null);
  const fits = (one: Camera) => `${one.id} ${one.name} ${one.location_name}`.toLowerCase().includes(words.toLowerCase());
  const done = () => {
    edit(null);
    void again();
  };
  return (
    <section>
      <header class="page-head">
        <h2>{t(w.title)}</h2>
        <div class="actions">
          <button type="button" class="main" onClick={() => edit("new")}>
            {t(w.enrol)}
          </button>
          <Import taken={() => void again()} />
          <button type="button" onClick={() => void blob("/cameras/export", "text/csv").then((file) => saveAs(file, "cameras.csv"))}>
            {t(w.export)}
          </button>
        </div>
      </header>
      <div class="filters">
        <TextField label={w.find} type="search" value={words} onValue={setWords} />
      </div>
      <Refusal of={refused} />
      {value ? <Rows shown={value.filter(fits).slice(0, ROWS_MAX)} edit={edit} /> : !refused && <Loading />}
      {editing && <CameraForm camera={editing === "new" ? null : editing} onClose={() => edit(null)} onDone={done} />}
    </section>
  );
}

function Rows({ shown, edit }: { shown: Camera[]; edit: (camera: Camera) => void }) {
  const t = useT();
  const units = useUnits();
  const plain = (name: string): Column<Camera> => ({ title: FIELDS[name] ?? { zh: name, en: name }, cell: (one) => String(one[name] ?? "") });
  const tones = { online: "good", connecting: "warn", offline: "bad" } as const;
  const columns: Column<Camera>[] = [
    { title: { zh: "编号", en: "Id" }, cell: (one) => <code>{one.id}</code> },
    plain("name"),
    plain("location_name"),
    plain("camera_type"),
    plain("resource_category"),
    { title: shared.state, cell: (one) => <Tag tone={tones[one.device_status]}>{t(shared[one.device_status])}</Tag> },
    { title: FIELDS["owner"] ?? w.field, cell: (one) => named(units, one["owner"] as string) },
    { title: w.history, cell: (one) => <a href={link(`operate/catalogue/${encodeURIComponent(one.id)}`)} aria-label={`${t(w.history)} ${one.version}: ${one.name}`}>{one.version}</a> },
    {
      title: w.edit,
      cell: (one) => (
        <button type="button" class="plain" onClick={() => edit(one)} aria-label={`${t(w.edit)}: ${one.name}`}>
          {t(w.edit)}
        </button>
      ),
    },
  ];
  return <Table rows={shown} columns={columns} keyOf={(one) => one.id} empty={w.none} caption={w.title} />;
}

/** A file of cameras; a refused one lists every faulty row, and nothing of it is taken. */
function Import({ taken }: { taken: () => void }) {
  const t = useT();
  const file = useRef<HTMLInputElement>(null);
  const [told, tell] = useState<{ count: number; unchanged: number } | null>(null);
  const [refused, refuse] = useState<unknown>(null);
  const chosen = async (input: HTMLInputElement) => {
    const picked = input.files?.[0];
    input.value = "";
    if (!picked) return;
    tell(null);
    refuse(null);
    await postText<{ count: number; unchanged: number }>("/cameras/import", await picked.text()).then(tell, refuse);
    taken();
  };
  return (
    <>
      <button type="button" onClick={() => file.current?.click()}>
        {t(w.import)}
      </button>
      <input ref={file} type="file" accept=".csv,text/csv" hidden aria-label={t(w.import)} onChange={(e) => void chosen(e.currentTarget)} />
      {told && <span role="status">{t(w.imported, { count: told.count, unchanged: told.unchanged })}</span>}
      <Refusal of={refused} />
    </>
  );
}
