// The end of a form: what was refused, how many fields are still wrong, and the buttons.

import { type Refusal as Said } from "../../api/client";
import { Refusal } from "../../ui/states";
import { useT } from "../../words";
import { w } from "./words";

/** The end; `count` is how many faults show. */
export function FormEnd({ refusal, count, busy, label }: { refusal: Said | null; count: number; busy: boolean; label: string }) {
  const t = useT();
  return (
    <>
      <Refusal of={refusal} />
      <footer class="actions">
        {count > 0 && (
          <p class="fault" role="alert">
            {t(w.fixFaults, { n: count })}
          </p>
        )}
        <button type="submit" class="main" disabled={busy}>
          {label}
        </button>
        <button type="button" onClick={() => history.back()}>
          {t(w.cancel)}
        </button>
      </footer>
    </>
  );
}
