// Taking a step: the reason, and a button for each step that the person may take where it stands. A reason that is needed is asked
// for before anything is sent; the version that was read goes along, so that nobody decides what has changed under their eyes.

import { useState } from "preact/hooks";

import * as api from "../../api/client";
import { PROSE_MAX, text } from "../../forms/checks";
import { stepWord } from "../../registers/words";
import { Refusal } from "../../ui/states";
import { useT } from "../../words";
import { useDoing } from "./asking";
import { Labelled } from "./labelled";
import { w } from "./words";

/** A step that can be taken. */
export interface Choice {
  step: string;
  needsReason: boolean;
}

const GRAVE = ["refuse", "return", "revoke", "remove", "suspend", "withdraw", "cancel", "retire", "waive", "dismiss", "repeal", "close"];

interface Props {
  register: string;
  path: string;
  version: number;
  choices: Choice[];
  taken: () => Promise<void>;
}

/** The panel. */
export function Decide({ register, path, version, choices, taken }: Props) {
  const t = useT();
  const [reason, set] = useState("");
  const [missing, miss] = useState(false);
  const { busy, refusal, run } = useDoing();
  const take = ({ step, needsReason }: Choice) => {
    const lacks = needsReason && !reason.trim();
    miss(lacks);
    if (lacks || text(reason, PROSE_MAX)) return;
    run(async () => {
      await api.post(`${path}/${step}`, { version, ...(reason.trim() && { reason: reason.trim() }) });
      set("");
      await taken();
    });
  };
  if (choices.length === 0) return <p class="nothing-to-do">{t(w.noSteps)}</p>;
  return (
    <section class="decide" aria-label={t(w.decide)}>
      <h2>{t(w.decide)}</h2>
      <Labelled label={t(w.reason)} wide fault={missing ? w.reasonNeeded : text(reason, PROSE_MAX)}>
        {(tied) => <textarea {...tied} rows={3} value={reason} onInput={(event) => set(event.currentTarget.value)} />}
      </Labelled>
      <Refusal of={refusal} />
      <div class="actions">
        {choices.map((choice) => (
          <button key={choice.step} type="button" data-step={choice.step} class={GRAVE.includes(choice.step) ? "danger" : "main"} disabled={busy} onClick={() => take(choice)}>
            {t(stepWord(register, choice.step))}
          </button>
        ))}
      </div>
    </section>
  );
}
