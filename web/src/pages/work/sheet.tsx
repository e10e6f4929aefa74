// What stands at the head and the foot of a printed sheet and not on the screen: the title, who printed it and when.

import { useMe } from "../../api/me";
import { told } from "../../forms/moments";
import { useT } from "../../words";
import { w } from "./words";

/** The head. */
export function SheetHead({ title, about }: { title: string; about: string }) {
  return (
    <header class="sheet-head">
      <h1>{title}</h1>
      <p>{about}</p>
    </header>
  );
}

/** The foot. */
export function SheetFoot() {
  const t = useT();
  const me = useMe();
  return (
    <footer class="sheet-foot">
      <span>
        {t(w.printedBy)}: {me.name}
      </span>
      <span>
        {t(w.printedAt)}: {told(new Date().toISOString())}
      </span>
      <span>{t(w.wholeForm)}</span>
    </footer>
  );
}
