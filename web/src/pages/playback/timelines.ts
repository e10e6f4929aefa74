// Asks for what the timelines show and keeps it: recordings and gaps of some cameras, and what of them is held.

import { Coverage, type Gap, type Span } from "./coverage";
import type { Call } from "./viewings";

/** A hold as the API gives it. */
export interface Hold {
  id: string;
  camera: string;
  from: string;
  to: string;
  reason: string;
  unit: string;
  placed_at: string;
  incident?: string | null;
}

interface Timeline {
  items: { start: string; end: string }[];
  gaps: { start: string; end: string; reason: string }[];
}

/** Pages of holds that are read of one camera; further ones are told of. */
const HOLD_PAGES_MAX = 4;

/** What is known of some cameras. */
export class Timelines {
  #coverages = new Map<string, Coverage>();
  #holds = new Map<string, Hold[]>();
  #asking = new Set<string>();

  constructor(readonly call: Call) {}

  of(camera: string): Coverage {
    const known = this.#coverages.get(camera) ?? new Coverage();
    this.#coverages.set(camera, known);
    return known;
  }

  holds(camera: string): readonly Hold[] {
    return this.#holds.get(camera) ?? [];
  }

  /** Asks for what is not known of `span`, one question per camera at a time. True where something was learnt. */
  async want(camera: string, span: Span, now: number): Promise<boolean> {
    const [part] = this.of(camera).missing(span, now);
    if (!part || this.#asking.has(camera)) return false;
    this.#asking.add(camera);
    try {
      const query = `from=${stamp(part.from)}&to=${stamp(part.to)}`;
      const timeline = await this.call<Timeline>("GET", `/cameras/${encodeURIComponent(camera)}/timeline?${query}`);
      const recorded = timeline.items.map((item) => ({ from: Date.parse(item.start), to: Date.parse(item.end) }));
      const gaps: Gap[] = timeline.gaps.map((gap) => ({
        from: Date.parse(gap.start),
        to: Date.parse(gap.end),
        reason: gap.reason,
      }));
      this.of(camera).learn(part, recorded, gaps, now);
      return true;
    } finally {
      this.#asking.delete(camera);
    }
  }

  /** Reads what is held of a camera. */
  async readHolds(camera: string): Promise<void> {
    const holds: Hold[] = [];
    let cursor: string | null = "";
    for (let page = 0; page < HOLD_PAGES_MAX && cursor !== null; page++) {
      const path = `/holds?state=active&limit=500&camera=${encodeURIComponent(camera)}`;
      const more: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
      const got: { items: Hold[]; next?: string | null } = await this.call("GET", path + more);
      holds.push(...got.items);
      cursor = got.next ?? null;
    }
    this.#holds.set(camera, holds);
  }
}

const stamp = (at: number) => new Date(at).toISOString();
