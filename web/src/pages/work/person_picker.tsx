// Choosing a person by name: the API looks, once the typing rests.

import { useEffect, useState } from "preact/hooks";

import type { Tied, Value } from "./fields";
import { type Named, findPeople, named, usePeople, useUnits } from "./names";
import { Picker } from "./picker";

/** How long the typing rests before it is asked. */
const REST_MS = 200;

/** A combobox of people; `value` is an id, or several. */
export function PersonPicker({ tied, value, put, several }: { tied: Tied; value: Value; put: (value: Value) => void; several?: boolean }) {
  const [found, set] = useState<Named[]>([]);
  const [words, say] = useState("");
  const units = useUnits();
  const chosen = Array.isArray(value) ? value : [String(value)];
  const name = usePeople(chosen);
  useEffect(() => {
    const asking = setTimeout(() => findPeople(words).then(set, () => undefined), words ? REST_MS : 0);
    return () => clearTimeout(asking);
  }, [words]);
  // What answered other words is gone at once, so that Enter never takes a person who was not looked for.
  const typed = (next: string) => {
    if (next !== words) set([]);
    say(next);
  };
  const known = chosen.filter(Boolean).map((id) => ({ id, name: name(id), about: "" }));
  const others = found.filter((person) => !chosen.includes(person.id));
  const options = others.map((person) => ({ id: person.id, name: person.name, about: named(units, person.unit) }));
  return <Picker tied={tied} value={value} put={put} options={[...known, ...options]} typed={typed} single={!several} />;
}
