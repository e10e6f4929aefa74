// Reports what is seen at the clock's instant: a finding to be rectified, or an incident, around which the recording is then held.

import { useState } from "preact/hooks";
import { post } from "../../api/client";
import { Refusal } from "../../ui/states";
import { ProseField, TextField } from "../../ui/field";
import { useT } from "../../words";
import type { Deck } from "./deck";
import { stamp } from "./scale";
import { words } from "./words";

/** Offered for rectifying: a week. */
const RECTIFY_MS = 7 * 86_400_000;

interface Props {
  deck: Deck;
  nameOf(camera: string): string;
  onFiled(what: "finding" | "incident"): void;
}

export function Report({ deck, nameOf, onFiled }: Props) {
  const t = useT();
  const [kind, setKind] = useState<"finding" | "incident">("finding");
  const [what, setWhat] = useState("");
  const [event, setEvent] = useState("");
  const [by, setBy] = useState(stamp(deck.wall() + RECTIFY_MS).slice(0, 10));
  const [refusal, setRefusal] = useState<unknown>(null);
  const { at } = deck.clock;
  const missing = (text: string) => (text.trim() === "" ? words.required : null);
  const lacks = !what.trim() || (kind === "incident" ? !event.trim() : !by);
  const file = async (submit: Event) => {
    submit.preventDefault();
    setRefusal(null);
    try {
      await send(deck, kind, { what: what.trim(), event: event.trim(), by });
      setWhat("");
      onFiled(kind);
      if (kind === "incident") deck.readHolds(deck.focus);
    } catch (error) {
      setRefusal(error);
    }
  };
  return (
    <form class="pb-form" aria-label={t(words[kind])} onSubmit={(submit) => void file(submit)}>
      <div class="pb-actions" role="radiogroup" aria-label={t(words.report)}>
        {(["finding", "incident"] as const).map((each) => (
          <label key={each}>
            <input type="radio" name="pb-kind" checked={kind === each} onChange={() => setKind(each)} />
            {t(words[each])}
          </label>
        ))}
      </div>
      <dl class="pb-selected">
        <dt>{t(words.atCamera)}</dt>
        <dd>{nameOf(deck.focus)}</dd>
        <dt>{t(words.atInstant)}</dt>
        <dd>{stamp(at, 3)}</dd>
      </dl>
      {kind === "incident" && (
        <TextField label={words.event} hint={words.eventHint} value={event} onValue={setEvent} fault={missing(event)} />
      )}
      <ProseField label={words.what} value={what} onValue={setWhat} fault={missing(what)} />
      {kind === "finding" && <TextField type="date" label={words.rectifyBy} value={by} onValue={setBy} fault={missing(by)} />}
      <Refusal of={refusal} />
      <p class="pb-actions">
        <button type="submit" class="main" disabled={!deck.focus || lacks}>
          {t(words.report)}
        </button>
      </p>
    </form>
  );
}

/** From one's own session where there is one: that is what it hangs on in the register. */
async function send(deck: Deck, kind: "finding" | "incident", typed: { what: string; event: string; by: string }) {
  const camera = deck.focus;
  const session = deck.viewings.of(camera)?.session ?? null;
  const { what, event } = typed;
  const at = new Date(deck.clock.at).toISOString();
  if (kind === "finding") {
    // Until the end of that day, where the terminal is.
    const rectify_by = new Date(`${typed.by}T23:59:59`).toISOString();
    // A finding names no instant; the recording's is worth having.
    return post("/findings", { camera, what: `${stamp(deck.clock.at)} ${what}`, rectify_by, ...(session ? { session } : {}) });
  }
  return session ? post(`/sessions/${session}/incident`, { event, what, at }) : post("/incidents", { camera, at, event, what });
}
