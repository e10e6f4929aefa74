// What is known of one camera's recordings: which stretches were asked for, what is recorded in them, what is missing and why.
// Deliberately absent: asking, which is the page's.

/** From an instant to before another, in milliseconds since 1970. */
export interface Span {
  from: number;
  to: number;
}

/** A stretch without recording. */
export interface Gap extends Span {
  reason: string;
}

/** What was the case at an instant. */
export type Instant = { is: "recorded" } | { is: "gap"; gap: Gap } | { is: "unknown" } | { is: "none" };

/** One timeline asks for no more than this. */
const ASKED_MS_MAX = 7 * 86_400_000;
/** What the recorder has may still be on its way to the disk; it is asked for again. */
const SETTLED_MS = 5_000;
/** Two stretches nearer than this are one: a new file, not a loss. */
const SEAM_MS = 100;

/** The spans in order, with those that touch or overlap joined. */
export function joined(spans: readonly Span[], seam = 0): Span[] {
  const out: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const last = out.at(-1);
    if (last && span.from - last.to <= seam) last.to = Math.max(last.to, span.to);
    else out.push({ from: span.from, to: span.to });
  }
  return out;
}

/** What of `span` lies in none of `taken`, which are in order. */
export function outside(span: Span, taken: readonly Span[]): Span[] {
  const out: Span[] = [];
  let from = span.from;
  for (const each of taken) {
    if (each.to <= from || each.from >= span.to) continue;
    if (each.from > from) out.push({ from, to: each.from });
    from = Math.max(from, each.to);
  }
  if (from < span.to) out.push({ from, to: span.to });
  return out;
}

/** One camera's recordings, as far as they were asked for. */
export class Coverage {
  #asked: Span[] = [];
  #recorded: Span[] = [];
  #gaps: Gap[] = [];

  /** What has to be asked for to know `span`, in parts that one request may have. */
  missing(span: Span, now: number): Span[] {
    const past = { from: span.from, to: Math.min(span.to, now) };
    if (past.from >= past.to) return [];
    return outside(past, this.#asked).flatMap(parts);
  }

  /** Takes an answer about `span`. What is nearer than some seconds to `now` counts as not asked for. */
  learn(span: Span, recorded: readonly Span[], gaps: readonly Gap[], now: number): void {
    const beside = (each: Span) => outside(each, [span]);
    const kept = (gap: Gap) => beside(gap).map((part) => ({ ...part, reason: gap.reason }));
    this.#asked = joined([...this.#asked, { from: span.from, to: Math.min(span.to, now - SETTLED_MS) }].filter(filled));
    this.#recorded = joined([...this.#recorded.flatMap(beside), ...recorded], SEAM_MS);
    // Where a file reaches into a gap it is the file that can be seen.
    const missing = gaps.flatMap((gap) => outside(gap, this.#recorded).map((part) => ({ ...part, reason: gap.reason })));
    this.#gaps = alike([...this.#gaps.flatMap(kept), ...missing.filter((gap) => gap.to - gap.from > SEAM_MS)]);
  }

  recorded(span: Span): Span[] {
    return this.#recorded.filter((each) => each.to > span.from && each.from < span.to);
  }

  gaps(span: Span): Gap[] {
    return this.#gaps.filter((each) => each.to > span.from && each.from < span.to);
  }

  at(instant: number): Instant {
    const holds = (span: Span) => span.from <= instant && instant < span.to;
    if (this.#recorded.some(holds)) return { is: "recorded" };
    const gap = this.#gaps.find(holds);
    if (gap) return { is: "gap", gap };
    return this.#asked.some(holds) ? { is: "none" } : { is: "unknown" };
  }

  /** Where recording goes on after `instant`, or goes on before it where `direction` is -1; none where nothing is known of it. */
  edge(instant: number, direction: -1 | 1): number | undefined {
    if (direction === 1) return this.#recorded.find((span) => span.from > instant + 1)?.from;
    return this.#recorded.filter((span) => span.from < instant - 1_000).at(-1)?.from;
  }

  /** The newest instant that is known to be recorded. */
  get newest(): number | undefined {
    return this.#recorded.at(-1)?.to;
  }
}

const filled = (span: Span) => span.from < span.to;

function parts(span: Span): Span[] {
  const out: Span[] = [];
  for (let from = span.from; from < span.to; from += ASKED_MS_MAX) {
    out.push({ from, to: Math.min(from + ASKED_MS_MAX, span.to) });
  }
  return out;
}

/** In order; those of one reason that touch are one. */
function alike(gaps: Gap[]): Gap[] {
  const out: Gap[] = [];
  for (const gap of gaps.sort((a, b) => a.from - b.from)) {
    const last = out.at(-1);
    if (last && last.reason === gap.reason && gap.from - last.to <= SEAM_MS) last.to = Math.max(last.to, gap.to);
    else out.push({ ...gap });
  }
  return out;
}
