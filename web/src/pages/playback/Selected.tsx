// What is selected on the timeline, in words, with what sets its ends.

import { useT, type Both } from "../../words";
import type { Deck } from "./deck";
import { length, stamp } from "./scale";
import { words } from "./words";

export function Selected({ deck, fault }: { deck: Deck; fault?: Both | null }) {
  const t = useT();
  const { selection } = deck;
  return (
    <div class="pb-selected">
      {selection ? (
        <dl>
          <dt>{t(words.from)}</dt>
          <dd>{stamp(selection.from, 3)}</dd>
          <dt>{t(words.to)}</dt>
          <dd>{stamp(selection.to, 3)}</dd>
          <dt>{t(words.duration)}</dt>
          <dd>{length(selection.to - selection.from)}</dd>
        </dl>
      ) : (
        <p class="quiet">{t(words.noSelection)}</p>
      )}
      <p class="pb-actions">
        <button type="button" onClick={() => deck.mark("from")}>
          {t(words.selectStart)}
        </button>
        <button type="button" onClick={() => deck.mark("to")}>
          {t(words.selectEnd)}
        </button>
        {selection && (
          <button type="button" onClick={() => deck.select(null)}>
            {t(words.clearSelection)}
          </button>
        )}
      </p>
      {fault && (
        <p class="pb-fault" role="status">
          {t(fault)}
        </p>
      )}
    </div>
  );
}
