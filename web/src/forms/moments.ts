// Times between the API (RFC 3339) and form fields (the local time of whoever sits there), and as people read them.

const two = (number: number) => String(number).padStart(2, "0");

/** What a `datetime-local` field holds for an instant. */
export function toField(instant: string): string {
  const at = new Date(instant);
  return Number.isNaN(at.getTime()) ? "" : `${day(at)}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** What a `date` field holds for an instant. */
export function toDay(instant: string): string {
  const at = new Date(instant);
  return Number.isNaN(at.getTime()) ? "" : day(at);
}

function day(at: Date): string {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** The instant that a `datetime-local` field names. */
export function fromField(value: string): string {
  return new Date(value).toISOString();
}

/** The first instant of a day, or of the day after it. */
export function fromDay(value: string, plusDays = 0): string {
  const at = new Date(`${value}T00:00`);
  at.setDate(at.getDate() + plusDays);
  return at.toISOString();
}

/** Minutes from now on, as a field holds them. */
export function ahead(now: Date, minutes: number): string {
  return toField(new Date(now.getTime() + minutes * 60_000).toISOString());
}

/** An instant for reading: day and minute. */
export function told(instant: string | null | undefined): string {
  return instant ? toField(instant).replace("T", " ") : "";
}

/** An instant for reading, to the second: the ends of a recorded stretch. */
export function toldSecond(instant: string | null | undefined): string {
  return instant ? `${told(instant)}:${two(new Date(instant).getSeconds())}` : "";
}

/** A stretch for reading; its day once, where it is the same. */
export function toldStretch(from: string, to: string): string {
  const [begin, end] = [toldSecond(from), toldSecond(to)];
  return `${begin} – ${begin.slice(0, 10) === end.slice(0, 10) ? end.slice(11) : end}`;
}

/** A day for a printed form. */
export function toldDay(instant: string | null | undefined, language: "zh" | "en"): string {
  if (!instant) return "";
  const at = new Date(instant);
  return language === "zh" ? `${at.getFullYear()}年${at.getMonth() + 1}月${at.getDate()}日` : day(at);
}
