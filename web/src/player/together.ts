// Recordings played by one clock: it runs while all that have a picture can show it, waits for those that are still fetching, and
// steps over what none of them recorded. Time is an argument.

import type { Standing } from "./recorded";

/** What the clock asks of a recording. */
export interface Follower {
  standing(at: number): Standing;
  nextRecorded(at: number): number | undefined;
  neighbour(at: number, direction: -1 | 1): number | undefined;
  follow(at: number, rate: number, running: boolean): void;
}

/** What the clock did last. */
export type Motion = "still" | "running" | "waiting" | "over";

/** The speeds that are offered. */
export const RATES = [0.25, 0.5, 1, 2, 4, 8, 16] as const;

/** Behind a picture's instant, so that rounding does not show the one before it. */
const INTO_PICTURE_MS = 1;

/** The clock of up to four recordings. Instants of recordings are milliseconds since 1970; `now` is a monotonic clock's. */
export class Together {
  #followers: Follower[] = [];
  #at: number;
  #since = 0;
  #rate = 1;
  #wanted = false;
  #motion: Motion = "still";
  /** Whether it steps over what nobody recorded. */
  skipsGaps = true;

  constructor(at: number) {
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  get rate(): number {
    return this.#rate;
  }

  get motion(): Motion {
    return this.#motion;
  }

  /** True once it was told to run, until it is told to stop or is over. */
  get wanted(): boolean {
    return this.#wanted;
  }

  /** Who follows it from now on. */
  lead(followers: Follower[]): void {
    this.#followers = followers;
  }

  play(): void {
    this.#wanted = true;
  }

  pause(): void {
    this.#wanted = false;
  }

  setRate(rate: number): void {
    this.#rate = rate;
  }

  /** Goes to an instant and runs on from there if it ran. */
  seek(at: number): void {
    this.#at = at;
    this.#motion = this.#wanted ? "waiting" : "still";
  }

  /** Stops, and shows the picture before or after this one, of the recording that `lead` named first; false where it is not at hand. */
  step(direction: -1 | 1): boolean {
    this.pause();
    const places = this.#followers.map((follower) => follower.neighbour(this.#at, direction));
    const place = places.find((instant) => instant !== undefined);
    if (place === undefined) return false;
    this.seek(place + INTO_PICTURE_MS);
    return true;
  }

  /** Goes on to `now` and takes the followers along. To be called once per picture of the screen. */
  turn(now: number): void {
    const passed = Math.max(0, now - this.#since);
    this.#since = now;
    if (this.#motion === "running") this.#at += passed * this.#rate;
    this.#motion = this.#wanted ? this.#next() : "still";
    if (this.#motion === "over") this.#wanted = false;
    const running = this.#motion === "running";
    for (const follower of this.#followers) follower.follow(this.#at, this.#rate, running);
  }

  #next(): Motion {
    const standings = this.#followers.map((follower) => follower.standing(this.#at));
    const hopeful = standings.filter((standing) => standing !== "failed");
    // None can be had: it goes on where one is opened anew.
    if (hopeful.length === 0) return "waiting";
    if (hopeful.every((standing) => standing === "over")) return "over";
    if (hopeful.includes("loading")) return "waiting";
    if (hopeful.includes("ready") || !this.skipsGaps) return "running";
    return this.#stepOverGap();
  }

  /** Nobody recorded anything here: on to where the first of them goes on. */
  #stepOverGap(): Motion {
    const next = this.#followers.flatMap((follower) => follower.nextRecorded(this.#at) ?? []);
    // What is still being recorded may go on at any moment.
    if (next.length === 0) return "waiting";
    this.#at = Math.max(this.#at, Math.min(...next)) + INTO_PICTURE_MS;
    return "waiting";
  }
}
