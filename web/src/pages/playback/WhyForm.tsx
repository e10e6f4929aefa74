// Asks what the playback is for, once: purpose and reason go on the record of every session that follows.

import { useState } from "preact/hooks";
import { Dialog } from "../../ui/dialog";
import { ChoiceField, ProseField } from "../../ui/field";
import { useT, type Both } from "../../words";
import type { Why } from "./viewings";
import { words } from "./words";

/** A purpose that one's unit may name. */
export interface Purpose extends Both {
  code: string;
  needs_narrative: boolean;
  in_force: boolean;
}

interface Props {
  purposes: readonly Purpose[];
  why: Why | null;
  onGive(why: Why): void;
  onCancel(): void;
}

export function WhyForm({ purposes, why, onGive, onCancel }: Props) {
  const t = useT();
  const [purpose, setPurpose] = useState(why?.purpose ?? "");
  const [reason, setReason] = useState(why?.reason ?? "");
  const missing = (text: string) => (text.trim() === "" ? words.required : null);
  const give = (event: Event) => {
    event.preventDefault();
    if (purpose && reason.trim()) onGive({ purpose, reason: reason.trim() });
  };
  return (
    <Dialog title={words.askWhy} onClose={onCancel}>
    <form onSubmit={give}>
      <p class="quiet">{t(words.askWhyHelp)}</p>
      <ChoiceField
        label={words.purpose}
        value={purpose}
        onValue={setPurpose}
        choices={purposeOptions(purposes, t)}
        fault={missing(purpose)}
      />
      <ProseField label={words.reason} value={reason} onValue={setReason} fault={missing(reason)} />
      <div class="actions">
        <button type="submit" class="main" disabled={!purpose || !reason.trim()}>
          {t(words.play)}
        </button>
        <button type="button" onClick={onCancel}>
          {t(words.cancel)}
        </button>
      </div>
    </form>
    </Dialog>
  );
}

/** Codes and their words, those in force. */
export function purposeOptions(purposes: readonly Purpose[], t: (word: Both) => string): { value: string; word: string }[] {
  const offered = purposes.filter((each) => each.in_force).map((each) => ({ value: each.code, word: `${each.code} ${t(each)}` }));
  return [{ value: "", word: "" }, ...offered];
}
