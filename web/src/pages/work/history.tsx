// What was done with something, by whom and why, oldest first.

import { told } from "../../forms/moments";
import { stepWord } from "../../registers/words";
import { useT } from "../../words";
import { usePeople } from "./names";
import { StateTag } from "./state";
import { w } from "./words";

/** A line of a history. */
export interface Line {
  at: string;
  by?: string | null;
  step?: string | null;
  to: string;
  reason?: string | null;
}

/** The table of it. */
export function History({ register, lines }: { register: string; lines: Line[] }) {
  const t = useT();
  const name = usePeople(lines.map((line) => line.by));
  return (
    <section class="history">
      <h2>{t(w.history)}</h2>
      <ol>
        {lines.map((line, at) => (
          <li key={at}>
            <time dateTime={line.at}>{told(line.at)}</time>
            <strong>{t(stepWord(register, line.step ?? "fill_in"))}</strong>
            <span>{line.by ? name(line.by) : t(w.appliance)}</span>
            <StateTag register={register} state={line.to} />
            {line.reason && <q>{line.reason}</q>}
          </li>
        ))}
      </ol>
    </section>
  );
}
