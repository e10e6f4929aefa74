// What a way to get live pictures is: it feeds a video element, and says what becomes of it.

import type { Both } from "../words";

/** What a source says. Each of the last three ends it; only the first of them counts. */
export interface Hearer {
  /** The server has agreed: what plays. */
  onAgreed: (what: string) => void;
  /** The session is over, by the server's own word. */
  onEnded: (reason: string) => void;
  /** Nothing that this way can show; another may. */
  onUnplayable: (codec: string, message: Both) => void;
  /** The connection is gone, and it is not known why. */
  onLost: () => void;
}

export interface Source {
  close(): void;
}
