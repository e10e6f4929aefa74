// An export on one page: what is asked for and why, who has put their name to it, the unit's standing, and the steps: endorse, approve,
// release, refuse. While it is rendered the page follows; when it is ready the package is collected here.

import { useEffect, useState } from "preact/hooks";

import * as api from "../../api/client";
import { useMe } from "../../api/me";
import { toldStretch } from "../../forms/moments";
import { exportSteps, mayCollect } from "../../forms/stages";
import { link } from "../../router";
import { useAsked } from "../../ui/asked";
import { Progress, Refusal } from "../../ui/states";
import { language, useT } from "../../words";
import { useDoing } from "./asking";
import { saveAs } from "./csv";
import { Decide } from "./decide";
import { History, type Line } from "./history";
import { named, useCameras, usePeople, usePurposes, useUnits } from "./names";
import { SheetFoot, SheetHead } from "./sheet";
import { Standing } from "./standing";
import { StateTag } from "./state";
import { w } from "./words";

/** An export as the API gives it. */
export interface Export {
  id: string;
  unit: string;
  requester: string;
  terminal: string;
  grant: string;
  endorser?: string | null;
  approver?: string | null;
  releaser?: string | null;
  stage: string;
  form: {
    camera: string;
    from: string;
    to: string;
    purpose?: string;
    reason?: string;
    recipient: string;
    medium: string;
    for_media?: boolean;
    media_release?: string | null;
    redact?: unknown[];
  };
  progress?: { share: number; doing: { zh: string; en: string } } | null;
  history: Line[];
  version: number;
}

/** How often a page that waits for the rendering asks. */
const FOLLOW_MS = 2_000;

/** The page. */
export function ExportPage({ id }: { id: string }) {
  const t = useT();
  const me = useMe();
  const [moving, set] = useState(false);
  const { value, refused, again } = useAsked<Export>(`/exports/${id}`, moving ? FOLLOW_MS : undefined);
  useEffect(() => set(value !== undefined && ["released", "rendering"].includes(value.stage)), [value]);
  if (!value) return refused ? <Refusal of={refused} /> : <p role="status">{t(w.loading)}</p>;
  return (
    <article class="record">
      <header class="page-head">
        <div>
          <p class="crumb">
            <a href={link("work/exports")}>{t(w.exports)}</a>
          </p>
          <h1>
            {t(w.exportOf)} <code>{value.id}</code> <StateTag register="exports" state={value.stage} />
          </h1>
        </div>
        <div class="actions">
          {mayCollect(me, value) && <Collect id={value.id} taken={again} />}
          <button type="button" onClick={() => print()}>
            {t(w.print)}
          </button>
        </div>
      </header>
      <Rendering of={value} />
      <div class="record-columns">
        <div>
          <SheetHead title={t(w.exportOf)} about={value.id} />
          <About of={value} />
          <History register="exports" lines={value.history} />
          <SheetFoot />
        </div>
        <aside>
          <Decide register="exports" path={`/exports/${value.id}`} version={value.version} choices={exportSteps(me, value)} taken={again} />
          <Standing unit={value.unit} user={value.requester} />
        </aside>
      </div>
    </article>
  );
}

function Rendering({ of }: { of: Export }) {
  const t = useT();
  if (!of.progress) return null;
  return (
    <div class="card" role="status">
      {t(of.progress.doing)}
      <Progress share={of.progress.share} label={w.progress} />
    </div>
  );
}

function Collect({ id, taken }: { id: string; taken: () => Promise<void> }) {
  const t = useT();
  const { busy, refusal, run } = useDoing();
  const collect = () =>
    run(async () => {
      saveAs(await api.blob(`/exports/${id}/package`, "application/zip"), `export-${id}.zip`);
      await taken();
    });
  return (
    <>
      <button type="button" class="main" disabled={busy} onClick={collect}>
        {t(w.collect)}
      </button>
      <Refusal of={refusal} />
    </>
  );
}

function About({ of }: { of: Export }) {
  const t = useT();
  const tongue = language();
  const units = useUnits();
  const cameras = useCameras();
  const purpose = usePurposes().find((one) => one.code === of.form.purpose);
  const person = usePeople([of.requester, of.endorser, of.approver, of.releaser]);
  const camera = cameras.find((one) => one.id === of.form.camera);
  const rows: [string, string, boolean?][] = [
    [t(w.cameras), camera ? `${camera.name}(${camera.location_name})` : of.form.camera],
    [t(w.stretch), toldStretch(of.form.from, of.form.to)],
    [t(w.purposes), `${of.form.purpose ?? ""} ${purpose?.[tongue] ?? ""}`, true],
    [t(w.usageReason), of.form.reason ?? "", true],
    [t(w.recipient), of.form.recipient],
    [t(w.medium), of.form.medium],
    [t(w.forMedia), of.form.for_media ? `${t(w.yes)} ${of.form.media_release ?? ""}` : t(w.no)],
    [t(w.redaction), t(w.regions, { n: of.form.redact?.length ?? 0 })],
    [t(w.applicantUnit), named(units, of.unit)],
    [t(w.applicant), person(of.requester)],
    [t(w.terminal), of.terminal],
    [t(w.grant), of.grant],
    [t(w.endorsedBy), person(of.endorser)],
    [t(w.approvedBy), person(of.approver)],
    [t(w.releasedBy), person(of.releaser)],
  ];
  return (
    <dl class="pairs">
      {rows.map(([name, value, wide]) => (
        <div key={name} class={wide ? "wide" : undefined}>
          <dt>{name}</dt>
          <dd>{value.trim() || "—"}</dd>
        </div>
      ))}
    </dl>
  );
}
