// Choosing one or several of many by typing: a combobox with a list, and what was chosen as chips before it. Keyboard: arrows move,
// Enter chooses, Escape closes, Backspace in an empty field takes the last back.

import { useState } from "preact/hooks";

import { useT } from "../../words";
import type { Tied, Value } from "./fields";
import { w } from "./words";

/** What can be chosen. */
export interface Option {
  id: string;
  name: string;
  about: string;
}

/** Most options of a list: what can be looked over. */
const SHOWN_MAX = 50;

interface Props {
  tied: Tied;
  value: Value;
  put: (value: Value) => void;
  options: Option[];
  /** At most one. */
  single?: boolean;
  /** What is not among the options can be chosen as it is written. */
  free?: boolean;
  /** Told what is typed, where the options are the answer to it; then all of them are shown. */
  typed?: (words: string) => void;
}

function fitting(options: Option[], words: string, chosen: string[]): Option[] {
  const parts = words.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (option: Option) => {
    const text = `${option.name} ${option.about} ${option.id}`.toLowerCase();
    return parts.every((part) => text.includes(part));
  };
  return options.filter((option) => !chosen.includes(option.id) && fits(option)).slice(0, SHOWN_MAX);
}

/** The combobox. */
export function Picker({ tied, value, put, options, single, free, typed }: Props) {
  const t = useT();
  const chosen = Array.isArray(value) ? value : value ? [String(value)] : [];
  const [words, setWords] = useState("");
  const [at, setAt] = useState<number | null>(null);
  const shown = fitting(options, typed ? "" : words, chosen);
  const say = (next: string) => {
    setWords(next);
    typed?.(next);
    setAt(0);
  };
  const choose = (id: string) => {
    put(single ? id : [...chosen, id]);
    setWords("");
    typed?.("");
    setAt(single ? null : 0);
  };
  const drop = (id: string) => put(single ? "" : chosen.filter((one) => one !== id));
  const keyed = (event: KeyboardEvent) => {
    const last = chosen[chosen.length - 1];
    if (event.key === "ArrowDown") setAt(Math.min((at ?? -1) + 1, shown.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max((at ?? 1) - 1, 0));
    else if (event.key === "Escape" && at !== null) setAt(null);
    else if (event.key === "Enter" && at !== null && shown[at]) choose(shown[at].id);
    else if (event.key === "Enter" && free && words.trim()) choose(words.trim());
    else if (event.key === "Backspace" && !words && last) drop(last);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const open = at !== null;
  return (
    <div class="picker">
      <Chips chosen={chosen} options={options} drop={drop} />
      {!(single && chosen.length > 0) && (
        <input
          {...tied}
          role="combobox"
          aria-expanded={open}
          aria-controls={`${tied.id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={open && shown[at] ? `${tied.id}-${at}` : undefined}
          autocomplete="off"
          placeholder={t(w.search)}
          value={words}
          onInput={(event) => say(event.currentTarget.value)}
          onFocus={() => setAt(0)}
          onBlur={() => setAt(null)}
          onKeyDown={keyed}
        />
      )}
      {open && (
        <ul class="picker-list" role="listbox" id={`${tied.id}-list`} aria-label={t(w.choose)}>
          {shown.map((option, index) => (
            <li
              key={option.id}
              id={`${tied.id}-${index}`}
              role="option"
              aria-selected={index === at}
              onMouseDown={(event) => {
                event.preventDefault();
                choose(option.id);
              }}
            >
              <span>{option.name}</span> <small>{option.about}</small>
            </li>
          ))}
          {shown.length === 0 && <li class="picker-none">{t(w.noMatch)}</li>}
        </ul>
      )}
    </div>
  );
}

function Chips({ chosen, options, drop }: { chosen: string[]; options: Option[]; drop: (id: string) => void }) {
  const t = useT();
  if (chosen.length === 0) return null;
  return (
    <ul class="chips">
      {chosen.map((id) => {
        const name = options.find((option) => option.id === id)?.name ?? id;
        return (
          <li key={id}>
            <span>{name}</span>
            <button type="button" aria-label={`${t(w.cancel)} ${name}`} onClick={() => drop(id)}>
              ×
            </button>
          </li>
        );
      })}
    </ul>
  );
}
