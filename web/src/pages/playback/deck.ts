// The playback page's machine: which cameras, where the clock is, what is in view and selected, and the loop that keeps all of it
// going. Components read it and call it; it knows none of them.

import { RATES, Together } from "../../player/together";
import type { Span } from "./coverage";
import { lengthOf, moved, showing, zoomed } from "./scale";
import { Timelines } from "./timelines";
import { CAMERAS_MAX, Viewings, type Call, type Why } from "./viewings";

/** Shown at first: most of an hour that has passed, and a little of what comes. */
const VIEW_PAST_MS = 50 * 60_000;
const VIEW_AHEAD_MS = 5 * 60_000;
/** Where the clock is at first: a minute ago. */
const AGO_MS = 60_000;
/** A clock that was set by hand is left alone for this long before a session is opened for where it is. */
const SETTLED_MS = 250;
/** How often the page is told of what goes on by itself, and how often timelines are asked for. */
const TOLD_MS = 100;
const ASKED_MS = 3_000;
/** After a question that was refused, the next one waits. */
const REFUSED_MS = 15_000;

export class Deck {
  readonly clock: Together;
  readonly viewings: Viewings;
  readonly timelines: Timelines;
  cameras: readonly string[] = [];
  focus = "";
  view: Span;
  selection: Span | null = null;
  /** Purpose and reason, once they were given. */
  why: Why | null = null;
  /** Why a timeline or the holds could not be read. */
  trouble: unknown = null;
  #listeners = new Set<() => void>();
  #frame = 0;
  #told = 0;
  #asked = -Infinity;
  #set = 0;
  /** The camera whose sound is heard. */
  #sound = false;

  /** `wall` tells milliseconds since 1970. */
  constructor(
    call: Call,
    readonly wall: () => number = () => Date.now(),
  ) {
    const now = wall();
    this.clock = new Together(now - AGO_MS);
    this.viewings = new Viewings(call);
    this.timelines = new Timelines(call);
    this.view = { from: now - VIEW_PAST_MS, to: now + VIEW_AHEAD_MS };
  }

  /** Calls `changed` whenever there is something new to show; gives what ends that. */
  listen(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** Runs until it is stopped. */
  start(): void {
    const turn = (now: number) => {
      this.#turn(now);
      this.#frame = requestAnimationFrame(turn);
    };
    this.#frame = requestAnimationFrame(turn);
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
    this.viewings.close();
  }

  #turn(now: number): void {
    const wall = this.wall();
    this.clock.turn(now);
    if (this.clock.at > wall) this.clock.seek(wall);
    if (this.clock.motion === "running") this.view = showing(this.view, this.clock.at);
    if (this.why && now - this.#set > SETTLED_MS) {
      void this.viewings.openAt(this.clock.at, wall, this.why, this.selection);
    }
    void this.viewings.look(now);
    if (now - this.#asked > ASKED_MS) this.#ask(now);
    if (now - this.#told < TOLD_MS) return;
    this.#told = now;
    this.#tell();
  }

  #tell(): void {
    for (const changed of this.#listeners) changed();
  }

  /** Asks for the timelines of what is in view, with as much again on both sides. */
  #ask(now: number): void {
    this.#asked = now;
    const around = { from: moved(this.view, -0.5, Infinity).from, to: moved(this.view, 0.5, Infinity).to };
    for (const camera of this.cameras) {
      this.timelines.want(camera, around, this.wall()).then(
        (learnt) => {
          this.trouble = null;
          if (learnt) this.#askSoon();
        },
        (error: unknown) => {
          this.trouble = error;
          this.#asked = performance.now() + REFUSED_MS - ASKED_MS;
        },
      );
    }
  }

  /** What is learnt of a long view comes in parts. */
  #askSoon(): void {
    const around = { from: moved(this.view, -0.5, Infinity).from, to: this.wall() - 2 * ASKED_MS };
    const more = this.cameras.some((camera) => this.timelines.of(camera).missing(around, this.wall()).length > 0);
    if (more) this.#asked = -Infinity;
    this.#tell();
  }

  /** Shows just these cameras. */
  choose(cameras: readonly string[]): void {
    this.cameras = cameras.slice(0, CAMERAS_MAX);
    if (!this.cameras.includes(this.focus)) this.focus = this.cameras[0] ?? "";
    this.viewings.choose(this.cameras);
    this.#lead();
    for (const camera of this.cameras) this.readHolds(camera);
    this.#asked = -Infinity;
  }

  readHolds(camera: string): void {
    this.timelines.readHolds(camera).then(
      () => this.#tell(),
      (error: unknown) => (this.trouble = error),
    );
  }

  /** The one that steps, that sounds, and that is exported. */
  attend(camera: string): void {
    this.focus = camera;
    this.#lead();
    this.#tell();
  }

  #lead(): void {
    const focused = this.viewings.of(this.focus);
    const others = this.viewings.list.filter((viewing) => viewing !== focused);
    this.clock.lead(focused ? [focused, ...others] : others);
    this.#mute();
  }

  #mute(): void {
    for (const viewing of this.viewings.list) {
      viewing.recorded.video.muted = !this.#sound || viewing.camera !== this.focus;
    }
  }

  get sound(): boolean {
    return this.#sound;
  }

  setSound(on: boolean): void {
    this.#sound = on;
    this.#mute();
    this.#tell();
  }

  seek(at: number): void {
    this.clock.seek(Math.min(at, this.wall()));
    this.#set = performance.now();
    this.view = showing(this.view, this.clock.at);
    this.#tell();
  }

  setView(view: Span): void {
    this.view = view;
    this.#asked = Math.min(this.#asked, performance.now() - ASKED_MS + SETTLED_MS);
    this.#tell();
  }

  /** Around the clock where it is in view, else around the middle. */
  zoom(factor: number): void {
    const { view, clock } = this;
    const anchor = clock.at >= view.from && clock.at <= view.to ? clock.at : (view.from + view.to) / 2;
    this.setView(zoomed(view, factor, anchor));
  }

  select(selection: Span | null): void {
    this.selection = selection;
    this.#tell();
  }

  /** Moves the clock by a share of what is in view. */
  moveBy(share: number): void {
    this.seek(this.clock.at + share * lengthOf(this.view));
  }

  /** The clock's instant becomes an end of the selection. */
  mark(end: "from" | "to"): void {
    const { at } = this.clock;
    const { from, to } = this.selection ?? { from: at, to: at };
    this.select(end === "from" ? { from: at, to: Math.max(at, to) } : { from: Math.min(at, from), to: at });
  }

  /** Plays, where it is known what for. */
  play(): boolean {
    if (!this.why || this.cameras.length === 0) return false;
    this.clock.play();
    this.#tell();
    return true;
  }

  pause(): void {
    this.clock.pause();
    this.#tell();
  }

  step(direction: -1 | 1): void {
    if (this.clock.step(direction)) this.view = showing(this.view, this.clock.at);
    this.#tell();
  }

  /** A speed further up or down the list. */
  speed(direction: -1 | 1): void {
    const place = RATES.findIndex((rate) => rate === this.clock.rate) + direction;
    this.clock.setRate(RATES[place] ?? this.clock.rate);
    this.#tell();
  }

  /** To where the focused camera's recording begins again, before or after the clock. */
  jump(direction: -1 | 1): void {
    const edge = this.timelines.of(this.focus).edge(this.clock.at, direction);
    if (edge !== undefined) this.seek(edge + 1);
  }

  /** Opens anew what was refused or has ended. */
  retry(camera: string): void {
    this.viewings.of(camera)?.retry();
    this.#tell();
  }
}
