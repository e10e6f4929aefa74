// What was seen on a tile, filed from there: a finding, or a hazard, whose recording is held at once.

import { useState } from "preact/hooks";

import { post } from "../../api/client";
import { Dialog } from "../../ui/dialog";
import { ProseField, TextField } from "../../ui/field";
import { Refusal } from "../../ui/states";
import { toast } from "../../ui/toast";
import { useT } from "../../words";
import { w } from "./words";

export type Kind = "finding" | "incident";

export interface Seen {
  kind: Kind;
  camera: string;
  name: string;
  session: string;
}

/** Days that are proposed for rectification. */
const RECTIFY_DAYS = 3;

/** A day of this terminal's calendar, as a date field has it. */
function dayAfter(days: number): string {
  const day = new Date();
  day.setDate(day.getDate() + days);
  return [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

export function SeenDialog({ of, onClose }: { of: Seen; onClose: () => void }) {
  const t = useT();
  const isFinding = of.kind === "finding";
  const [what, setWhat] = useState("");
  const [event, setEvent] = useState("");
  const [by, setBy] = useState(dayAfter(RECTIFY_DAYS));
  const [refused, setRefused] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const whole = what.trim() !== "" && (isFinding ? by > dayAfter(0) : event.trim() !== "");
  const submit = async (submitted: Event) => {
    submitted.preventDefault();
    setBusy(true);
    setRefused(null);
    try {
      const { id } = isFinding ? await fileFinding(of, what.trim(), by) : await reportIncident(of, event.trim(), what.trim());
      toast(t(w.filed, { id }));
      onClose();
    } catch (error) {
      setRefused(error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={isFinding ? w.finding : w.incident} onClose={onClose}>
      <form onSubmit={submit}>
        <p>
          {of.name} <span class="quiet">{of.camera}</span>
        </p>
        {!isFinding && <TextField label={w.event} hint={w.eventHint} required maxLength={120} value={event} onValue={setEvent} fault={event.trim() ? null : w.eventNeeded} />}
        <ProseField label={w.what} required value={what} onValue={(text) => setWhat(text.slice(0, 2_000))} fault={what.trim() ? null : w.whatNeeded} />
        {isFinding && <TextField label={w.rectifyBy} type="date" required min={dayAfter(1)} value={by} onValue={setBy} fault={by > dayAfter(0) ? null : w.rectifyNeeded} />}
        {!isFinding && <p class="fine">{t(w.incidentNote)}</p>}
        <Refusal of={refused} />
        <div class="actions">
          <button type="button" onClick={onClose}>
            {t(w.cancel)}
          </button>
          <button type="submit" class="main" disabled={busy || !whole}>
            {t(w.file)}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** The day is over at its last second. */
function fileFinding(of: Seen, what: string, by: string): Promise<{ id: string }> {
  const rectify_by = new Date(`${by}T23:59:59`).toISOString();
  return post("/findings", { what, camera: of.camera, session: of.session, rectify_by });
}

function reportIncident(of: Seen, event: string, what: string): Promise<{ id: string }> {
  return post(`/sessions/${encodeURIComponent(of.session)}/incident`, { event, what });
}
