// Keeps a tile's canvas showing its recording.

import type { Deck } from "./deck";
import type { Viewing } from "./viewings";

export class Picture {
  #frame = 0;

  constructor(canvas: HTMLCanvasElement, viewing: Viewing, deck: Deck) {
    const draw = () => {
      this.#frame = requestAnimationFrame(draw);
      const { video } = viewing.recorded;
      const ctx = canvas.getContext("2d");
      if (!ctx) return;
      if (video.videoWidth && canvas.width !== video.videoWidth) [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
      const standing = viewing.standing(deck.clock.at);
      if (video.readyState >= 2 && (standing === "ready" || standing === "loading")) ctx.drawImage(video, 0, 0);
      else ctx.clearRect(0, 0, canvas.width, canvas.height);
    };
    this.#frame = requestAnimationFrame(draw);
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
  }
}
