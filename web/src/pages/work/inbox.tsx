// What waits for whoever is signed in: the overdue first, then what is due soonest. Each opens on one page with all that is needed.

import { told } from "../../forms/moments";
import { registerWord } from "../../registers/words";
import { link } from "../../router";
import { useAsked } from "../../ui/asked";
import { Refusal, Tag } from "../../ui/states";
import { useT } from "../../words";
import { named, useUnits } from "./names";
import { StateTag } from "./state";
import { w } from "./words";

interface Task {
  register: string;
  id: string;
  unit: string;
  state: string;
  since: string;
  due?: string | null;
  overdue: boolean;
}

/** Where a thing is dealt with. */
export function pathOf(register: string, id: string): string {
  if (register.startsWith("applications/")) return `work/${register}/${id}`;
  return register === "exports" ? `work/exports/${id}` : `work/register/${register}/${id}`;
}

const SUBJECTS: Record<string, { zh: string; en: string }> = {
  "applications/resource": w.resourceForms,
  "applications/user": w.userForms,
  exports: w.exports,
};

/** The page. */
export function Inbox() {
  const t = useT();
  const units = useUnits();
  const { value, refused, again } = useAsked<{ items: Task[] }>("/inbox");
  return (
    <article class="inbox">
      <header class="page-head">
        <h1>{t(w.inbox)}</h1>
        <div class="actions">
          <button type="button" onClick={() => void again()}>
            {t(w.refresh)}
          </button>
        </div>
      </header>
      <Refusal of={refused} />
      {value && value.items.length === 0 && <p class="empty">{t(w.inboxEmpty)}</p>}
      {value && value.items.length > 0 && (
        <div class="table-wrap">
          <table class="rows">
            <thead>
              <tr>
                {[w.subject, w.state, w.unit, w.waitsSince, w.due].map((word) => (
                  <th scope="col" key={word.en}>
                    {t(word)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {value.items.map((task) => (
                <tr key={task.register + task.id} class={task.overdue ? "late" : undefined}>
                  <td>
                    <a href={link(pathOf(task.register, task.id))}>{t(SUBJECTS[task.register] ?? registerWord(task.register))}</a>
                  </td>
                  <td>
                    <StateTag register={task.register} state={task.state} />
                  </td>
                  <td>{named(units, task.unit)}</td>
                  <td class="time">{told(task.since)}</td>
                  <td class="time">
                    {told(task.due)} {task.overdue && <Tag tone="bad">{t(w.overdue)}</Tag>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </article>
  );
}
