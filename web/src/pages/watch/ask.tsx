// Why one watches: purpose and reason, asked once for a wall.

import { useState } from "preact/hooks";

import { may, useMe } from "../../api/me";
import { useAsked } from "../../ui/asked";
import { Dialog } from "../../ui/dialog";
import { ChoiceField, ProseField } from "../../ui/field";
import { Loading, Refusal } from "../../ui/states";
import { language, useT } from "../../words";
import { w } from "./words";

/** What a session is asked for with. */
export interface Why {
  purpose: string;
  purposeName: string;
  reason: string;
  emergency?: string;
}

interface Purpose {
  code: string;
  zh: string;
  en: string;
  in_force: boolean;
}

interface Emergency {
  id: string;
  event: string;
  what: string;
  state: string;
}

/** The API's own bound. */
const REASON_CHARS_MAX = 1_000;

export function AskWhy({ was, onClose, onDone }: { was: Why | null; onClose: () => void; onDone: (why: Why) => void }) {
  const t = useT();
  const purposes = useAsked<{ items: Purpose[] }>("/purposes?mine=true");
  const mine = purposes.value?.items.filter((one) => one.in_force);
  return (
    <Dialog title={w.askTitle} onClose={onClose}>
      <Refusal of={purposes.refused} />
      {!mine && !purposes.refused && <Loading />}
      {mine?.length === 0 && <p class="empty">{t(w.noPurpose)}</p>}
      {mine && mine.length > 0 && <Form purposes={mine} was={was} onClose={onClose} onDone={onDone} />}
    </Dialog>
  );
}

function Form({ purposes, was, onClose, onDone }: { purposes: Purpose[]; was: Why | null; onClose: () => void; onDone: (why: Why) => void }) {
  const t = useT();
  const [purpose, setPurpose] = useState(was?.purpose ?? (purposes.length === 1 ? purposes[0]?.code : "") ?? "");
  const [reason, setReason] = useState(was?.reason ?? "");
  const [emergency, setEmergency] = useState(was?.emergency ?? "");
  const chosen = purposes.find((one) => one.code === purpose);
  const submit = (event: Event) => {
    event.preventDefault();
    if (!chosen || !reason.trim()) return;
    onDone({ purpose, purposeName: `${purpose} ${chosen[language()]}`, reason: reason.trim(), ...(emergency && { emergency }) });
  };
  const choices = purposes.map((one) => ({ value: one.code, word: `${one.code} ${one[language()]}` }));
  return (
    <form onSubmit={submit}>
      <ChoiceField label={w.purpose} required value={purpose} onValue={setPurpose} fault={chosen ? null : w.purposeNeeded} choices={[{ value: "", word: "" }, ...choices]} />
      <ProseField
        label={w.reason}
        hint={w.reasonHint}
        required
        value={reason}
        onValue={(text) => setReason(text.slice(0, REASON_CHARS_MAX))}
        fault={reason.trim() ? null : w.reasonNeeded}
      />
      <EmergencyField value={emergency} onValue={setEmergency} />
      <p class="fine">{t(w.askNote)}</p>
      <div class="actions">
        <button type="button" onClick={onClose}>
          {t(w.cancel)}
        </button>
        <button type="submit" class="main" disabled={!chosen || !reason.trim()}>
          {t(w.begin)}
        </button>
      </div>
    </form>
  );
}

/** For those who handle one: only what came with it counts then, and it has priority. */
function EmergencyField({ value, onValue }: { value: string; onValue: (value: string) => void }) {
  const [t, me] = [useT(), useMe()];
  const asked = useAsked<{ items: Emergency[] }>(may(me, "incident_commander") ? "/emergencies?limit=100" : null);
  const running = asked.value?.items.filter((one) => one.state === "active" || one.state === "confirmed") ?? [];
  if (running.length === 0) return null;
  const choices = running.map((one) => ({ value: one.id, word: `${one.event}:${one.what}` }));
  return <ChoiceField label={w.emergency} value={value} onValue={onValue} choices={[{ value: "", word: t(w.noEmergency) }, ...choices]} />;
}
