// The player's buttons: play, pictures one by one, stretches, speed, gaps, sound, and the instant as it is typed.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { RATES } from "../../player/together";
import { useT, type Both } from "../../words";
import { Icon } from "./Icon";
import type { Deck } from "./deck";
import { stamp } from "./scale";
import { words } from "./words";

const TEN_SECONDS_MS = 10_000;
const ZOOM = 2;

interface Props {
  deck: Deck;
  onPlay(): void;
  mayPlay: boolean;
}

export function Transport({ deck, onPlay, mayPlay }: Props) {
  const t = useT();
  const { clock } = deck;
  const button = (sign: ComponentChildren, word: Both, act: () => void, keys: string) => (
    <button type="button" aria-label={t(word)} title={`${t(word)} (${keys})`} onClick={act}>
      {sign}
    </button>
  );
  const zoom = (factor: number) => deck.zoom(factor);
  return (
    <div class="pb-transport" role="group" aria-label={t(words.title)}>
      {button(<Icon d="M3 3h2v10H3zM13 3v10L6 8z" />, words.previousStretch, () => deck.jump(-1), "P")}
      {button("−10", words.back10, () => deck.seek(clock.at - TEN_SECONDS_MS), "J")}
      {button(<Icon d="M9 3v10L3 8zM11 3h2v10h-2z" />, words.previousPicture, () => deck.step(-1), ",")}
      <button
        type="button"
        class="pb-play"
        aria-label={t(clock.wanted ? words.pause : words.play)}
        title={t(mayPlay ? (clock.wanted ? words.pause : words.play) : words.mayNotPlay)}
        disabled={!mayPlay || deck.cameras.length === 0}
        onClick={onPlay}
      >
        <Icon d={clock.wanted ? "M3 2h4v12H3zM9 2h4v12H9z" : "M3 2v12l11-6z"} />
      </button>
      {button(<Icon d="M7 3v10l6-5zM3 3h2v10H3z" />, words.nextPicture, () => deck.step(1), ".")}
      {button("+10", words.forward10, () => deck.seek(clock.at + TEN_SECONDS_MS), "L")}
      {button(<Icon d="M11 3h2v10h-2zM3 3v10l7-5z" />, words.nextStretch, () => deck.jump(1), "N")}
      <label>
        {t(words.speed)}
        <select value={String(clock.rate)} onChange={(event) => clock.setRate(Number(event.currentTarget.value))}>
          {RATES.map((rate) => (
            <option key={rate} value={String(rate)}>
              {`${rate}×`}
            </option>
          ))}
        </select>
      </label>
      <label>
        <input
          type="checkbox"
          checked={clock.skipsGaps}
          onChange={(event) => (clock.skipsGaps = event.currentTarget.checked)}
        />
        {t(words.skipGaps)}
      </label>
      <label>
        <input type="checkbox" checked={deck.sound} onChange={(event) => deck.setSound(event.currentTarget.checked)} />
        {t(words.sound)}
      </label>
      <span class="pb-fill" />
      <Instant deck={deck} />
      {button("−", words.zoomOut, () => zoom(ZOOM), "−")}
      {button("+", words.zoomIn, () => zoom(1 / ZOOM), "+")}
      <button type="button" onClick={() => deck.seek(deck.wall() - TEN_SECONDS_MS)}>
        {t(words.toNow)}
      </button>
    </div>
  );
}

/** The clock of the recording, and a field to set it. While somebody types in it, it is theirs. */
function Instant({ deck }: { deck: Deck }) {
  const t = useT();
  const field = useRef<HTMLInputElement>(null);
  const [wrong, setWrong] = useState(false);
  useEffect(() => {
    const input = field.current;
    if (input && document.activeElement !== input) input.value = stamp(deck.clock.at, 3);
  });
  const go = (event: Event) => {
    event.preventDefault();
    const at = instant(field.current?.value ?? "");
    setWrong(Number.isNaN(at));
    if (Number.isNaN(at)) return;
    deck.seek(at);
    field.current?.blur();
  };
  return (
    <form class="pb-instant" onSubmit={go}>
      <input
        ref={field}
        aria-label={t(words.goTo)}
        aria-invalid={wrong}
        title={wrong ? t(words.badInstant) : t(words.goTo)}
        onFocus={(event) => event.currentTarget.select()}
        onBlur={() => setWrong(false)}
      />
    </form>
  );
}

/** `2026-11-27 08:21:30` in local time; the date may be left out, and is then today. */
export function instant(text: string): number {
  const found = /^(?:(\d{4})[-/](\d{1,2})[-/](\d{1,2})[ T]+)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?$/.exec(text.trim());
  if (!found) return Number.NaN;
  const today = new Date();
  const [, year, month, date, hour, minute, second = "0", milli = "0"] = found;
  const day = year ? [Number(year), Number(month) - 1, Number(date)] : [today.getFullYear(), today.getMonth(), today.getDate()];
  const [y = 0, m = 0, d = 0] = day;
  return new Date(y, m, d, Number(hour), Number(minute), Number(second), Number(milli.padEnd(3, "0"))).getTime();
}
