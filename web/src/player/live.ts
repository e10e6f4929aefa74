// A live picture: chooses the way, comes back after a break in the network, and says how it stands. Whether a session is over is the
// API's to say: a socket that closes without a word may be a cut for any reason.

import { canMse, MseSource } from "./mse";
import type { Hearer, Source } from "./source";
import { canWhep, WhepSource } from "./whep";
import { NO_WAY, UNPLAYABLE } from "./words";
import type { Both } from "../words";

export type Way = "mse" | "whep";

/** How a picture stands. The last two are for good. */
export type LiveState =
  | { kind: "connecting" }
  | { kind: "playing"; way: Way }
  | { kind: "stalled" }
  | { kind: "ended"; reason: string }
  | { kind: "refused"; message: Both };

export interface LiveOptions {
  urls: { mse?: string | null; whep?: string | null };
  say: (state: LiveState) => void;
  /** How the session stands: why it is over, null while it goes on. Throws where that cannot be learnt. */
  endOf: () => Promise<string | null>;
  sound?: boolean;
  /** The way to begin with. */
  first?: Way;
}

/** No new frame for this long is told. */
const STALL_MS = 2_000;
const LOOK_MS = 250;
/** Between attempts to come back: the first, and the longest. */
const [RETRY_MS, RETRY_MS_MAX] = [300, 5_000];

export class Live {
  private source: Source | undefined;
  private way: Way | undefined;
  private readonly ways: Way[];
  private state: LiveState = { kind: "connecting" };
  private frames = 0;
  private movedAt = 0;
  private attempts = 0;
  private retry = 0;
  private readonly timer: number;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly options: LiveOptions,
  ) {
    const { urls, first = "mse" } = options;
    const can = { mse: Boolean(urls.mse) && canMse(), whep: Boolean(urls.whep) && canWhep() };
    const order: Way[] = first === "mse" ? ["mse", "whep"] : ["whep", "mse"];
    this.ways = order.filter((way) => can[way]);
    this.timer = window.setInterval(() => this.look(), LOOK_MS);
    queueMicrotask(() => this.begin());
  }

  close(): void {
    window.clearInterval(this.timer);
    window.clearTimeout(this.retry);
    this.source?.close();
    this.source = undefined;
    this.ways.length = 0;
  }

  private begin(): void {
    const { urls, sound = false } = this.options;
    this.way = this.ways[0];
    this.movedAt = performance.now();
    this.frames = this.decoded();
    this.video.muted = !sound;
    if (this.way === "mse") this.source = new MseSource(urls.mse ?? "", this.video, this.hearer(), { sound });
    else if (this.way === "whep") this.source = new WhepSource(urls.whep ?? "", this.video, this.hearer(), { sound });
    else if (!this.over()) this.say({ kind: "refused", message: NO_WAY });
  }

  private hearer(): Hearer {
    return {
      onAgreed: () => {},
      onEnded: (reason) => this.finish({ kind: "ended", reason }),
      onUnplayable: (codec, message) => this.nextWay(codec, message),
      onLost: () => void this.lost(),
    };
  }

  private nextWay(codec: string, message: Both): void {
    this.ways.shift();
    if (this.ways.length > 0) return this.begin();
    const said = { zh: UNPLAYABLE.zh.replace("{codec}", codec), en: UNPLAYABLE.en.replace("{codec}", codec) };
    this.finish({ kind: "refused", message: codec ? said : message });
  }

  /** Asks why; comes back where the session goes on. */
  private async lost(): Promise<void> {
    this.source = undefined;
    if (this.over()) return;
    this.say({ kind: "stalled" });
    const reason = await this.options.endOf().catch(() => null);
    if (this.over() || this.ways.length === 0) return;
    if (reason !== null) return this.finish({ kind: "ended", reason });
    // A way that never showed a frame is not tried for ever while there is another.
    if (this.frames === 0 && this.ways.length > 1 && this.attempts > 0) this.ways.push(this.ways.shift() as Way);
    this.retry = window.setTimeout(() => this.begin(), Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** this.attempts++));
  }

  /** Frames that come are what playing is. */
  private look(): void {
    if (this.over() || !this.source) return;
    const [now, frames] = [performance.now(), this.decoded()];
    if (frames > this.frames) {
      [this.frames, this.movedAt, this.attempts] = [frames, now, 0];
      if (this.state.kind !== "playing") this.say({ kind: "playing", way: this.way as Way });
    } else if (now - this.movedAt > STALL_MS && !document.hidden && this.state.kind === "playing") {
      this.say({ kind: "stalled" });
    } else if (frames < this.frames) this.frames = frames;
  }

  private decoded(): number {
    return this.video.getVideoPlaybackQuality().totalVideoFrames;
  }

  private over(): boolean {
    return this.state.kind === "ended" || this.state.kind === "refused";
  }

  private finish(state: LiveState): void {
    this.source = undefined;
    if (!this.over()) this.say(state);
  }

  private say(state: LiveState): void {
    this.state = state;
    this.options.say(state);
  }
}
