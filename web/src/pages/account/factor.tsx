// Enrolling a second factor: a secret, its first code, the recovery codes.

import { useState } from "preact/hooks";

import { post } from "../../api/client";
import { TextField } from "../../ui/field";
import { Refusal } from "../../ui/states";
import { useT } from "../../words";
import { words as w } from "./words";

interface Secret {
  secret: string;
}

export function FactorForm({ enrolled, onDone }: { enrolled: boolean; onDone: () => void }) {
  const t = useT();
  const [before, setBefore] = useState("");
  const [secret, setSecret] = useState("");
  const [code, setCode] = useState("");
  const [recovery, setRecovery] = useState<string[] | null>(null);
  const [refused, setRefused] = useState<unknown>(null);
  const step = (run: () => Promise<void>) => async (event: Event) => {
    event.preventDefault();
    setRefused(null);
    await run().catch(setRefused);
  };
  const begin = step(async () => setSecret((await post<Secret>("/me/otp", before ? { otp: before } : {})).secret));
  const confirm = step(async () => setRecovery((await post<{ recovery_codes: string[] }>("/me/otp/confirm", { otp: code })).recovery_codes));
  if (recovery)
    return (
      <div>
        <p>{t(w.recovery)}</p>
        <ul class="codes">
          {recovery.map((one) => (
            <li key={one}>
              <code>{one}</code>
            </li>
          ))}
        </ul>
        <button type="button" class="main" onClick={onDone}>
          {t(w.done)}
        </button>
      </div>
    );
  if (!secret)
    return (
      <form onSubmit={begin}>
        {enrolled && <TextField label={w.nowCode} value={before} onValue={setBefore} autocomplete="one-time-code" required />}
        <Refusal of={refused} />
        <button type="submit" class="main">
          {t(w.begin)}
        </button>
      </form>
    );
  return (
    <form onSubmit={confirm}>
      <p>{t(w.secretHint)}</p>
      <p>
        {t(w.secret)}: <code class="secret">{secret.replace(/(.{4})(?=.)/g, "$1 ")}</code>
      </p>
      <TextField label={w.code} value={code} onValue={setCode} autocomplete="one-time-code" inputMode="numeric" required />
      <Refusal of={refused} />
      <button type="submit" class="main" disabled={!code}>
        {t(w.confirm)}
      </button>
    </form>
  );
}
