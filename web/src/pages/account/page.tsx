// One's own account.

import { useState } from "preact/hooks";

import { get } from "../../api/client";
import { useMe } from "../../api/me";
import { Dialog } from "../../ui/dialog";
import { useT, when } from "../../words";
import { FactorForm } from "./factor";
import { PasswordForm } from "./password";
import { ROLE_WORDS, words as w } from "./words";

export default function Account() {
  const [t, me] = [useT(), useMe()];
  const [open, setOpen] = useState<"password" | "factor" | null>(null);
  const close = () => setOpen(null);
  const rows: [string, string][] = [
    [t(w.name), `${me.name} (${me.user})`],
    [t(w.unit), me.unit_name],
    [t(w.roles), me.roles.map((role) => t(ROLE_WORDS[role] ?? { zh: role, en: role })).join("、")],
    [t(w.staffEnd), me.staff_no_end],
    [t(w.terminal), me.terminal],
    [t(w.until), when(me.expires_at)],
    [t(w.factor), t(me.second_factor ? w.on : w.off)],
  ];
  return (
    <article class="narrow">
      <header class="page-head">
        <h1>{t(w.account)}</h1>
      </header>
      <dl class="facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div class="actions">
        <button type="button" onClick={() => setOpen("password")}>
          {t(w.change)}
        </button>
        <button type="button" onClick={() => setOpen("factor")}>
          {t(me.second_factor ? w.renew : w.enrol)}
        </button>
      </div>
      {open === "password" && (
        <Dialog title={w.change} onClose={close}>
          {/* The sign-in ended with the old password: asking for anything shows where to sign in again. */}
          <PasswordForm onDone={() => void get("/me").catch(() => undefined)} />
        </Dialog>
      )}
      {open === "factor" && (
        <Dialog title={w.factor} onClose={close}>
          <FactorForm enrolled={me.second_factor} onDone={() => location.reload()} />
        </Dialog>
      )}
    </article>
  );
}
