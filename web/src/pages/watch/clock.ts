// The appliance's clock, which the mark shows: the terminal's own may be wrong, or set wrong.

let ahead = 0;

/** A terminal that differs by less than this is right: the header that says the time counts seconds. */
const AGREES_MS = 2_000;

/** Looks at the time that the appliance's answers carry. */
export async function lookAtClock(): Promise<void> {
  const [asked, answer] = [Date.now(), await fetch("/healthz", { cache: "no-store" })];
  const said = Date.parse(answer.headers.get("date") ?? "");
  if (Number.isNaN(said)) return;
  const difference = said + 500 - (asked + Date.now()) / 2;
  ahead = Math.abs(difference) < AGREES_MS ? 0 : difference;
}

export function applianceNow(): Date {
  return new Date(Date.now() + ahead);
}
