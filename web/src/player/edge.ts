// Keeping at the live edge: how far behind the newest frame one plays, and what is done about it. Pure: a function of what is buffered,
// of where one is, and of how often it ran dry.

/** Seconds of picture in hand that are aimed at: two frames of a camera with 25 a second. */
const AIM_S = 0.08;
/** Where that is too little on this network, it grows up to here. */
const AIM_MAX_S = 0.8;
/** How much it grows when the picture stood still for want of frames, and shrinks in each second without. */
const [GROW, SHRINK_PER_S] = [1.5, 0.9];
/** After the start and after a jump it is not the network that lets one wait. */
const SETTLING_S = 1.5;
/** Further behind than this beyond the aim, it is jumped to the edge; what lies between is not seen. */
const JUMP_S = 1;
/** Faster and slower than life by so much at most; nobody sees that. */
const [FASTEST, SLOWEST] = [1.15, 0.96];
/** Between the aim and this above it all is well. */
const SLACK_S = 0.04;
/** Kept behind what is shown; more of it is of no use. */
export const KEPT_S = 4;

export interface Ranges {
  start: number;
  end: number;
}

/** What to do now. */
export interface Step {
  /** Go there. */
  seek?: number;
  rate: number;
}

export class Edge {
  private aim = AIM_S;
  private at = 0;
  private settled = 0;

  /** Where to be and how fast to play at `now` (seconds), being at `position` with `ranges` in hand, in order. */
  step(now: number, position: number, ranges: Ranges[]): Step {
    if (!this.at) this.settled = now + SETTLING_S;
    this.aim = Math.max(AIM_S, this.aim * SHRINK_PER_S ** Math.max(0, this.at ? now - this.at : 0));
    this.at = now;
    const newest = ranges.at(-1);
    if (!newest) return { rate: 1 };
    const ahead = newest.end - position;
    const edge = Math.max(newest.start, newest.end - this.aim);
    // Before what there is, beyond it, or before a hole: only the newest stretch goes on.
    if (position < newest.start || ahead < -JUMP_S || ahead > this.aim + JUMP_S) {
      this.settled = now + SETTLING_S;
      return { seek: edge, rate: 1 };
    }
    return { rate: rateOf(ahead - this.aim) };
  }

  /** It ran dry: more is kept in hand from now on. */
  dry(): void {
    if (this.at < this.settled) return;
    this.aim = Math.min(AIM_MAX_S, this.aim * GROW);
  }

  get aimSeconds(): number {
    return this.aim;
  }
}

/** The more is too much in hand, the faster; the less, the slower. */
function rateOf(surplus: number): number {
  if (surplus > SLACK_S) return Math.min(FASTEST, 1 + (surplus - SLACK_S) * 0.5);
  if (surplus < -SLACK_S) return SLOWEST;
  return 1;
}
