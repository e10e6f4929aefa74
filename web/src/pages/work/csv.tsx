// A register's CSV file, out and in. A refused import lists each faulty row.

import { useRef, useState } from "preact/hooks";

import * as api from "../../api/client";
import { Refusal } from "../../ui/states";
import { useT } from "../../words";
import { useDoing } from "./asking";
import { w } from "./words";

/** Saves what the browser holds under a name. */
export function saveAs(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  URL.revokeObjectURL(url);
}

/** The button that saves the list as CSV. */
export function CsvOut({ path, name }: { path: string; name: string }) {
  const t = useT();
  const { busy, refusal, run } = useDoing();
  const save = () => run(async () => saveAs(await api.blob(path, "text/csv"), `${name}.csv`));
  return (
    <>
      <button type="button" disabled={busy} onClick={save}>
        {t(w.csvOut)}
      </button>
      <Refusal of={refusal} />
    </>
  );
}

/** The button that imports a file. */
export function CsvIn({ path, taken }: { path: string; taken: () => void }) {
  const t = useT();
  const file = useRef<HTMLInputElement>(null);
  const [count, set] = useState<number | null>(null);
  const { busy, refusal, run } = useDoing();
  const chosen = (input: HTMLInputElement) => {
    const picked = input.files?.[0];
    input.value = "";
    if (!picked) return;
    set(null);
    run(async () => {
      const { ids } = await api.postText<{ ids: string[] }>(path, await picked.text());
      set(ids.length);
      taken();
    });
  };
  return (
    <>
      <button type="button" disabled={busy} onClick={() => file.current?.click()}>
        {t(w.csvIn)}
      </button>
      <input ref={file} type="file" accept=".csv,text/csv" hidden aria-label={t(w.csvIn)} onChange={(event) => chosen(event.currentTarget)} />
      {count !== null && <p role="status">{t(w.csvTaken, { n: count })}</p>}
      <Refusal of={refusal} />
    </>
  );
}
