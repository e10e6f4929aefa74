// Changing one's own password. Every sign-in of the account ends with it.

import { useState } from "preact/hooks";

import { post } from "../../api/client";
import { TextField } from "../../ui/field";
import { Refusal } from "../../ui/states";
import { toast } from "../../ui/toast";
import { useT } from "../../words";
import { words as w } from "./words";

export function PasswordForm({ onDone }: { onDone: () => void }) {
  const t = useT();
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const [again, setAgain] = useState("");
  const [refused, setRefused] = useState<unknown>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await post("/me/password", { old, new: fresh });
      toast(t(w.changed));
      onDone();
    } catch (error) {
      setRefused(error);
    }
  };
  return (
    <form onSubmit={submit} aria-label={t(w.change)}>
      <TextField label={w.oldPassword} type="password" autocomplete="current-password" required value={old} onValue={setOld} />
      <TextField label={w.newPassword} hint={w.passwordHint} type="password" autocomplete="new-password" required value={fresh} onValue={setFresh} />
      <TextField
        label={w.again}
        type="password"
        autocomplete="new-password"
        required
        value={again}
        onValue={setAgain}
        soon={!fresh.startsWith(again)}
        fault={again && again !== fresh ? w.differs : null}
      />
      <Refusal of={refused} />
      <button type="submit" class="main" disabled={!old || !fresh || fresh !== again}>
        {t(w.change)}
      </button>
    </form>
  );
}
