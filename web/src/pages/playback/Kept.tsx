// What is missing of the cameras in view, and what is held: the timeline's picture as lists, for whoever reads or hears.

import { useState } from "preact/hooks";
import { post } from "../../api/client";
import { Refusal } from "../../ui/states";
import { ProseField } from "../../ui/field";
import { useT } from "../../words";
import type { Deck } from "./deck";
import { reasonWords } from "./reasons";
import { length, stamp } from "./scale";
import { Selected } from "./Selected";
import { words } from "./words";

/** Gaps listed of one camera; in a month of a bad line there are thousands. */
const GAPS_MAX = 100;

export function Gaps({ deck, nameOf }: { deck: Deck; nameOf(camera: string): string }) {
  const t = useT();
  const all = deck.cameras.flatMap((camera) =>
    deck.timelines.of(camera).gaps(deck.view).slice(-GAPS_MAX).map((gap) => ({ camera, gap })),
  );
  if (all.length === 0) return <p class="quiet">{t(words.noGaps)}</p>;
  return (
    <ul class="pb-list">
      {all.map(({ camera, gap }) => (
        <li key={`${camera} ${gap.from}`}>
          <button type="button" class="pb-row" title={t(words.goToGap)} onClick={() => deck.seek(gap.from)}>
            <strong>{nameOf(camera)}</strong> {t(reasonWords(gap.reason))}
            <span class="quiet">{`${stamp(gap.from)} · ${length(gap.to - gap.from)}`}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

interface HoldsProps {
  deck: Deck;
  nameOf(camera: string): string;
  mayPlace: boolean;
  onPlaced(): void;
}

export function Holds({ deck, nameOf, mayPlace, onPlaced }: HoldsProps) {
  const t = useT();
  const [reason, setReason] = useState("");
  const [refusal, setRefusal] = useState<unknown>(null);
  const place = async (event: Event) => {
    event.preventDefault();
    setRefusal(null);
    const { selection, focus } = deck;
    if (!selection || selection.to <= selection.from || !reason.trim()) return;
    const [from, to] = [selection.from, selection.to].map((at) => new Date(at).toISOString());
    try {
      await post("/holds", { camera: focus, from, to, reason: reason.trim() });
      deck.readHolds(focus);
      setReason("");
      onPlaced();
    } catch (error) {
      setRefusal(error);
    }
  };
  const all = deck.cameras.flatMap((camera) => deck.timelines.holds(camera));
  return (
    <>
      {mayPlace && (
        <form class="pb-form" aria-label={t(words.placeHold)} onSubmit={(event) => void place(event)}>
          <Selected deck={deck} />
          <ProseField
            label={words.reason}
            value={reason}
            onValue={setReason}
            fault={reason.trim() ? null : words.required}
          />
          <Refusal of={refusal} />
          <p class="pb-actions">
            <button type="submit" class="main" disabled={!deck.selection || !reason.trim()}>
              {t(words.placeHold)}
            </button>
          </p>
        </form>
      )}
      {all.length === 0 && <p class="quiet">{t(words.noHolds)}</p>}
      <ul class="pb-list">
        {all.map((hold) => (
          <li key={hold.id} data-hold={hold.id}>
            <button type="button" class="pb-row" onClick={() => deck.seek(Date.parse(hold.from))}>
              <strong>{nameOf(hold.camera)}</strong> {hold.reason}
              <span class="quiet">{`${stamp(Date.parse(hold.from))} – ${stamp(Date.parse(hold.to))} · ${hold.unit}`}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
