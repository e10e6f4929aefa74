// The check of the whole ledger, made in this browser with the auditor's own key. What was found whole is remembered here, so that the
// next check also shows whether the log still begins with it.

import { useEffect, useRef, useState } from "preact/hooks";

import type { Finding, Report, Seen } from "../../ledger/check";
import { isKey, readKey } from "../../ledger/note";
import type { Told } from "../../ledger/worker";
import { TextField } from "../../ui/field";
import { Progress, Tag } from "../../ui/states";
import { useT, when } from "../../words";
import { w } from "./ledger_words";
import { startWorker } from "./worker";

type State = { done: number; of: number } | { report: Report } | { failed: string } | null;

const seenAt = (origin: string) => `sluice-ledger-seen:${origin}`;

/** What an earlier check found whole; none where it cannot be read. */
function lastSeen(origin: string): Seen | null {
  try {
    return JSON.parse(localStorage.getItem(seenAt(origin)) ?? "null") as Seen | null;
  } catch {
    return null;
  }
}

function remember({ origin, size, root, findings }: Report): void {
  if (size === undefined || !root || findings.length > 0) return;
  localStorage.setItem(seenAt(origin), JSON.stringify({ size, root, at: new Date().toISOString() } satisfies Seen));
}

export function Check({ keyText, onKey }: { keyText: string; onKey: (text: string) => void }) {
  const t = useT();
  const [state, set] = useState<State>(null);
  const worker = useRef<Worker | null>(null);
  useEffect(() => () => worker.current?.terminate(), []);
  const hear = (told: Told) => {
    if ("progress" in told) return set(told.progress);
    if ("report" in told) remember(told.report);
    if (!("proved" in told)) set(told);
  };
  const begin = (event: Event) => {
    event.preventDefault();
    worker.current?.terminate();
    set({ done: 0, of: 1 });
    const key = readKey(keyText);
    worker.current = startWorker({ check: { key: keyText.trim(), seen: isKey(key) ? lastSeen(key.name) : null } }, hear);
  };
  return (
    <form class="card check" onSubmit={begin}>
      <h2>{t(w.verify)}</h2>
      <p class="quiet">{t(w.verifyNote)}</p>
      <TextField label={w.key} hint={w.keyHint} value={keyText} onValue={onKey} required />
      <button type="submit" class="main" disabled={!keyText.trim()}>
        {t(w.begin)}
      </button>
      {state && "done" in state && <Progress share={state.done / state.of} label={w.progress} />}
      {state && "failed" in state && (
        <p role="alert" class="refusal">
          {t(w.failed, { why: state.failed })}
        </p>
      )}
      {state && "report" in state && <Verdict of={state.report} />}
    </form>
  );
}

function Verdict({ of }: { of: Report }) {
  const t = useT();
  const place = ({ file, entry, what }: Finding) => [file, entry !== undefined && t(w.entryAt, { entry }), t(what)].filter(Boolean).join(" · ");
  const [first, ...others] = of.findings;
  if (!first) {
    return (
      <p role="status" class="verified">
        <Tag tone="good">✓</Tag> {t(w.whole, { size: of.size ?? 0, root: of.root ?? "" })} {of.seen?.stands && t(w.seenStands, { at: when(of.seen.at), size: of.seen.size })}
      </p>
    );
  }
  return (
    <div role="alert" class="refusal" data-file={first.file} data-entry={first.entry}>
      <strong>{place(first)}</strong>
      {others.length > 0 && (
        <ul>
          {others.map((one) => (
            <li key={place(one)}>{place(one)}</li>
          ))}
        </ul>
      )}
      {of.more > 0 && <p class="fine">{t(w.more, { n: of.more })}</p>}
    </div>
  );
}
