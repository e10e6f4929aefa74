// The duty rota by week: who is on duty on which day, of one's own unit or of the one chosen. The register below it has every shift.

import { useState } from "preact/hooks";

import { toDay, toField } from "../../forms/moments";
import type { Entry } from "../../registers/rules";
import { link } from "../../router";
import { useAsked } from "../../ui/asked";
import { locale, useT } from "../../words";
import { filtered } from "./asking";
import { usePeople } from "./names";
import { DAY_WORDS, w } from "./words";

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/** Most shifts that are looked through, the newest: a unit files some dozens a week. */
const SHIFTS_MAX = 500;

interface Shift extends Entry {
  user: string;
  from: string;
  to: string;
  post: string;
}

/** The Monday of the week `weeks` from now, at its first instant. */
function monday(now: Date, weeks: number): Date {
  const at = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  at.setDate(at.getDate() - ((at.getDay() + 6) % 7) + weeks * 7);
  return at;
}

function dayAfter(day: Date, count: number): Date {
  const at = new Date(day);
  at.setDate(at.getDate() + count);
  return at;
}

/** The week; `unit` narrows it. */
export function Rota({ unit }: { unit: string }) {
  const t = useT();
  const [weeks, set] = useState(0);
  const { value } = useAsked<{ items: Shift[] }>(`${filtered("/duty-shifts", { order: "newest", unit })}&limit=${SHIFTS_MAX}`);
  const first = monday(new Date(), weeks);
  const days = DAYS.map((name, at) => ({ name, from: dayAfter(first, at), to: dayAfter(first, at + 1) }));
  const shifts = (value?.items ?? []).filter((shift) => shift.state !== "cancelled");
  const during = (from: Date, to: Date) =>
    shifts.filter((shift) => Date.parse(shift.from) < to.getTime() && Date.parse(shift.to) > from.getTime()).sort((a, b) => a.from.localeCompare(b.from));
  const person = usePeople(shifts.map((shift) => shift.user));
  const today = toDay(new Date().toISOString());
  return (
    <section class="rota" aria-label={t(w.week)}>
      <div class="actions">
        <button type="button" onClick={() => set(weeks - 1)} aria-label={t(w.weekBefore)}>
          ‹
        </button>
        <strong>
          {first.toLocaleDateString(locale())} – {dayAfter(first, 6).toLocaleDateString(locale())}
        </strong>
        <button type="button" onClick={() => set(weeks + 1)} aria-label={t(w.weekAfter)}>
          ›
        </button>
      </div>
      <ol>
        {days.map(({ name, from, to }) => (
          <li key={name} aria-current={toDay(from.toISOString()) === today ? "date" : undefined}>
            <h2>
              {t(DAY_WORDS[name] ?? w.none)} {from.getMonth() + 1}-{from.getDate()}
            </h2>
            {during(from, to).map((shift) => (
              <a key={shift.id} href={link(`work/register/duty-shifts/${shift.id}`)}>
                <span>
                  {clock(shift.from, from)}–{clock(shift.to, from)}
                </span>{" "}
                {person(shift.user)} <small>{shift.post}</small>
              </a>
            ))}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** The time of day; what reaches past the day shows its own day's end. */
function clock(instant: string, day: Date): string {
  if (Date.parse(instant) < day.getTime()) return "00:00";
  return Date.parse(instant) >= dayAfter(day, 1).getTime() ? "24:00" : toField(instant).slice(11);
}
