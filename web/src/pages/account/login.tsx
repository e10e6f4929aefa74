// Signing in: name, password, the second factor's code once it is asked for, or the identity provider.

import { useEffect, useState } from "preact/hooks";

import { post, Refused } from "../../api/client";
import { Switches } from "../../ui/frame";
import { TextField } from "../../ui/field";
import { Refusal } from "../../ui/states";
import { useT } from "../../words";
import { words as w } from "./words";

/** Whoever is at the door is told what was wrong with what was typed, not how the API is called. */
function inWords(error: unknown): unknown {
  if (!(error instanceof Refused)) return error;
  const { refusal } = error;
  if (refusal.code === "AUTH_REQUIRED") return { ...refusal, message: w.wrong, remedy: "" };
  if (refusal.code === "MFA_REQUIRED") return { ...refusal, message: w.wrongCode, remedy: "" };
  return error;
}

export function Login({ onDone }: { onDone: () => Promise<void> }) {
  const t = useT();
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const [otp, setOtp] = useState("");
  const [asksOtp, askOtp] = useState(false);
  const [refused, setRefused] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    document.title = "Sluice";
  }, []);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setRefused(null);
    try {
      await post("/login", { user, password, cookie: true, ...(otp ? { otp: otp.replace(/\s/g, "") } : {}) });
      await onDone();
    } catch (error) {
      const wantsCode = error instanceof Refused && error.refusal.code === "MFA_REQUIRED";
      // Asked for the first time it is no fault.
      if (!wantsCode || asksOtp) setRefused(inWords(error));
      if (wantsCode) askOtp(true);
      setBusy(false);
    }
  };
  return (
    <div class="entry">
      <header>
        <Switches />
      </header>
      <main>
        <h1>
          Sluice <small>{t(w.what)}</small>
        </h1>
        <form onSubmit={submit} aria-label={t(w.signIn)}>
          <TextField label={w.user} value={user} onValue={setUser} autocomplete="username" autofocus required />
          <TextField label={w.password} type="password" value={password} onValue={setPassword} autocomplete="current-password" required />
          {asksOtp && (
            <TextField label={w.code} hint={w.codeHint} value={otp} onValue={setOtp} autocomplete="one-time-code" inputMode="text" autofocus required />
          )}
          <Refusal of={refused} />
          <button type="submit" class="main" disabled={busy || !user || !password || (asksOtp && !otp)}>
            {t(w.signIn)}
          </button>
        </form>
        <p class="quiet">{t(w.onRecord)}</p>
      </main>
    </div>
  );
}
