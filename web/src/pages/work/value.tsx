// The value of a field, as people read it: names in place of ids, local times.

import { told } from "../../forms/moments";
import type { Field } from "../../registers/rules";
import { choiceWord } from "../../registers/words";
import { useT } from "../../words";
import { named, useCameras, useUnits } from "./names";
import { w } from "./words";

/** The teller of values; `person` knows the people's names. */
export function useTeller(person: (id: string | null | undefined) => string): (field: Field, value: unknown) => string {
  const t = useT();
  const units = useUnits();
  const cameras = useCameras();
  return (field, value) => {
    if (value === null || value === undefined) return "";
    if (Array.isArray(value)) return value.map((one) => (field.kind === "cameras" ? named(cameras, String(one)) : String(one))).join("、");
    if (typeof value === "boolean") return t(value ? w.yes : w.no);
    const text = String(value);
    switch (field.kind) {
      case "time":
        return told(text);
      case "person":
        return person(text);
      case "unit":
        return named(units, text);
      case "camera":
        return named(cameras, text);
      case "choice":
        return t(choiceWord(field.name, text));
      default:
        return text;
    }
  };
}
