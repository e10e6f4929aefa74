// The proof that one entry is under the signed root, computed in this browser.

import { useState } from "preact/hooks";

import type { Proved } from "../../ledger/inclusion";
import type { Told } from "../../ledger/worker";
import { TextField } from "../../ui/field";
import { useT, type Both } from "../../words";
import { w } from "./ledger_words";
import { startWorker } from "./worker";

type Outcome = Proved | Both | { failed: string };

export function Prove({ keyText }: { keyText: string }) {
  const t = useT();
  const [index, setIndex] = useState("");
  const [outcome, set] = useState<Outcome | null>(null);
  const prove = (event: Event) => {
    event.preventDefault();
    set(null);
    const worker = startWorker({ prove: { key: keyText.trim(), index: Number(index) } }, (told: Told) => {
      if ("progress" in told || "report" in told) return;
      worker.terminate();
      set("proved" in told ? told.proved : told);
    });
  };
  return (
    <form class="card prove" onSubmit={prove}>
      <h2>{t(w.prove)}</h2>
      <p class="quiet">{t(w.proveNote)}</p>
      <TextField label={w.index} inputMode="numeric" required value={index} onValue={setIndex} />
      <button type="submit" disabled={!/^\d{1,15}$/.test(index) || !keyText.trim()}>
        {t(w.proveIt)}
      </button>
      {outcome && <Told of={outcome} />}
    </form>
  );
}

function Told({ of }: { of: Outcome }) {
  const t = useT();
  if ("failed" in of || "zh" in of) {
    return (
      <p class="refusal" role="alert">
        {"zh" in of ? t(of) : t(w.failed, { why: of.failed })}
      </p>
    );
  }
  return (
    <>
      <p class={of.holds ? "proved" : "refusal"} role={of.holds ? "status" : "alert"}>
        {of.holds ? t(w.proved, { index: of.index, size: of.size, steps: of.path.length }) : t(w.notProved, { index: of.index })}
      </p>
      <details>
        <summary>{t(w.details)}</summary>
        <p>
          <code>{of.entry}</code>
        </p>
        <p class="fine">
          {t(w.leaf)} <code>{of.leaf}</code>
        </p>
        <ol class="fine" aria-label={t(w.path)}>
          {of.path.map((hash) => (
            <li key={hash}>
              <code>{hash}</code>
            </li>
          ))}
        </ol>
      </details>
    </>
  );
}
