// What the timeline shows and says of the cameras that were chosen.

import { language, type Both } from "../../words";
import type { Deck } from "./deck";
import { reasonWords } from "./reasons";
import { stamp } from "./scale";
import type { NamedRow } from "./Timeline";
import { words } from "./words";

type Say = (word: Both) => string;

/** A row for each. */
export function rowsOf(deck: Deck, nameOf: (camera: string) => string, t: Say): NamedRow[] {
  return deck.cameras.map((camera) => {
    const coverage = deck.timelines.of(camera);
    return {
      camera,
      name: nameOf(camera),
      recorded: coverage.recorded(deck.view),
      gaps: coverage.gaps(deck.view).map((gap) => ({ ...gap, word: t(reasonWords(gap.reason)) })),
      held: deck.timelines.holds(camera).map((hold) => ({ from: Date.parse(hold.from), to: Date.parse(hold.to) })),
      focused: camera === deck.focus && deck.cameras.length > 1,
    };
  });
}

/** What a screen reader says of the instant. */
export function spokenOf(deck: Deck, nameOf: (camera: string) => string, t: Say): string {
  const { at } = deck.clock;
  const parts = deck.cameras.map((camera) => {
    const instant = deck.timelines.of(camera).at(at);
    const word = instant.is === "gap" ? `${t(words.gap)} ${t(reasonWords(instant.gap.reason))}` : t(words[instant.is]);
    return `${nameOf(camera)} ${word}`;
  });
  return [stamp(at), ...parts].join(language() === "zh" ? ",": ", ");
}
