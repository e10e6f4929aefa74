// What the rules want before anything else: a new password, a second factor.

import { post } from "../../api/client";
import type { Me } from "../../api/me";
import { Switches } from "../../ui/frame";
import { useT } from "../../words";
import { FactorForm } from "./factor";
import { PasswordForm } from "./password";
import { words as w } from "./words";

export function Due({ me, onDone }: { me: Me; onDone: () => Promise<void> }) {
  const t = useT();
  const done = () => void onDone();
  return (
    <div class="entry">
      <header>
        <Switches />
        <button type="button" class="plain" onClick={() => void post("/logout").finally(done)}>
          {t(w.signOut)}
        </button>
      </header>
      <main>
        <h1>{t(me.must_change_password ? w.passwordDue : w.factorDue)}</h1>
        {me.must_change_password ? <PasswordForm onDone={done} /> : <FactorForm enrolled={me.second_factor} onDone={done} />}
      </main>
    </div>
  );
}
