// The input of each kind of field. Deliberately absent: what a field is called and what is wrong with it, which its form knows.

import type { JSX } from "preact";

import type { Kind } from "../../registers/rules";
import { choiceWord } from "../../registers/words";
import { useT } from "../../words";
import { useCameras, useUnits } from "./names";
import { PersonPicker } from "./person_picker";
import { Picker } from "./picker";
import { useVersions } from "./statement_texts";
import { w } from "./words";

/** What a field of any form holds: a text, several, or a truth value. */
export type Value = string | string[] | boolean;

/** What ties an input to its label and its fault. */
export interface Tied {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
}

interface Props {
  tied: Tied;
  value: Value;
  put: (value: Value) => void;
}

/** A choice that is longer stands on a line of its own. */
const LONG_CHARS = 24;

/** A line of text. */
export function Line({ tied, value, put, example, type = "text" }: Props & { example?: string; type?: string }) {
  const typed = (event: JSX.TargetedInputEvent<HTMLInputElement>) => put(event.currentTarget.value);
  return <input {...tied} type={type} value={String(value)} placeholder={example} onInput={typed} autocomplete="off" />;
}

/** Several lines of text. */
export function Prose({ tied, value, put, rows = 4 }: Props & { rows?: number }) {
  return <textarea {...tied} rows={rows} value={String(value)} onInput={(event) => put(event.currentTarget.value)} />;
}

/** One of a few. */
export function Choice({ tied, value, put, choices }: Props & { choices: [string, string][] }) {
  const t = useT();
  return (
    <select {...tied} value={String(value)} onChange={(event) => put(event.currentTarget.value)}>
      <option value="">{t(w.choose)}</option>
      {choices.map(([choice, name]) => (
        <option key={choice} value={choice}>
          {name}
        </option>
      ))}
    </select>
  );
}

/** Yes or no. */
export function Flag({ tied, value, put }: Props) {
  const t = useT();
  return (
    <select {...tied} value={value === true ? "yes" : value === false ? "no" : ""} onChange={(event) => put(event.currentTarget.value === "yes")}>
      <option value="yes">{t(w.yes)}</option>
      <option value="no">{t(w.no)}</option>
    </select>
  );
}

/** Several of a few, each with its box. */
export function Boxes({ tied, value, put, choices }: Props & { choices: [string, string][] }) {
  const chosen = value as string[];
  const toggle = (choice: string, on: boolean) =>
    put(choices.map(([one]) => one).filter((one) => (one === choice ? on : chosen.includes(one))));
  return (
    <div class={choices.some(([, name]) => name.length > LONG_CHARS) ? "boxes long" : "boxes"} id={tied.id} role="group" aria-describedby={tied["aria-describedby"]}>
      {choices.map(([choice, name]) => (
        <label key={choice} class="box">
          <input type="checkbox" checked={chosen.includes(choice)} onChange={(event) => toggle(choice, event.currentTarget.checked)} />
          <span>{name}</span>
        </label>
      ))}
    </div>
  );
}

/** Cameras, found by name, place or id. */
export function CameraPicker(props: Props & { single?: boolean }) {
  const cameras = useCameras();
  const options = cameras.map((camera) => ({ id: camera.id, name: camera.name, about: `${camera.location_name} · ${camera.id}` }));
  return <Picker {...props} options={options} />;
}

/** Areas that the catalogue knows; others can be written. */
export function AreaPicker(props: Props) {
  const areas = new Set(useCameras().flatMap(({ area }) => (area ? steps(area) : [])));
  const options = [...areas].sort().map((area) => ({ id: area, name: area, about: "" }));
  return <Picker {...props} options={options} free />;
}

/** `济源/沁园` also lies in `济源`. */
function steps(area: string): string[] {
  const parts = area.split("/");
  return parts.map((_, at) => parts.slice(0, at + 1).join("/"));
}

function UnitChoice(props: Props) {
  return <Choice {...props} choices={useUnits().map((unit) => [unit.id, unit.name])} />;
}

function VersionChoice(props: Props & { register: string }) {
  const versions = useVersions(props.register === "unit-statements" ? "unit" : "staff");
  return <Choice {...props} choices={versions.map((text) => [text.text_version, text.text_version])} />;
}

/** The input of a register's field. */
export function RegisterInput(props: Props & { kind: Kind; name: string; register: string; choices?: string[]; example?: string; longest?: number }) {
  const t = useT();
  const { kind, name, choices = [] } = props;
  switch (kind) {
    case "prose":
      return <Prose {...props} rows={(props.longest ?? 0) > 10_000 ? 16 : 4} />;
    case "flag":
      return <Flag {...props} />;
    case "choice":
      return <Choice {...props} choices={choices.map((choice) => [choice, t(choiceWord(name, choice))])} />;
    case "time":
      return <Line {...props} type="datetime-local" />;
    case "date":
      return <Line {...props} type="date" />;
    case "person":
      return <PersonPicker {...props} />;
    case "unit":
      return <UnitChoice {...props} />;
    case "camera":
      return <CameraPicker {...props} single />;
    case "cameras":
      return <CameraPicker {...props} />;
    case "areas":
      return <AreaPicker {...props} />;
    case "text_version":
      return <VersionChoice {...props} />;
    case "line":
      return <Line {...props} />;
  }
}
