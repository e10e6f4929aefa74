// Live pictures by WebRTC (WHEP): an offer goes out, an answer comes back, and media follows by UDP from the appliance itself. No server
// of others is asked where we are: the appliance is reached directly or not at all.

import type { Refusal } from "../api/client";
import type { Hearer, Source } from "./source";

/** The channel on which the appliance says why it ends. */
const CHANNEL = "sluice";
/** A network that lets no UDP through shows by now. */
const CONNECT_MS = 10_000;

export function canWhep(): boolean {
  return "RTCPeerConnection" in window;
}

export class WhepSource implements Source {
  private readonly peer = new RTCPeerConnection({ iceServers: [], bundlePolicy: "max-bundle" });
  private readonly gone = new AbortController();
  private readonly timer: number;
  private resource: string | undefined;
  private over = false;

  /** Plays what is offered at `url` into `video`. */
  constructor(
    private readonly url: string,
    private readonly video: HTMLVideoElement,
    private readonly hearer: Hearer,
    options: { sound: boolean },
  ) {
    this.peer.addTransceiver("video", { direction: "recvonly" });
    if (options.sound) this.peer.addTransceiver("audio", { direction: "recvonly" });
    const channel = this.peer.createDataChannel(CHANNEL);
    channel.onmessage = (event) => this.handle(String(event.data));
    this.peer.ontrack = (event) => this.show(event);
    this.peer.onconnectionstatechange = () => this.changed();
    this.timer = window.setTimeout(() => this.lostUnlessConnected(), CONNECT_MS);
    this.ask().catch(() => this.end(() => hearer.onLost()));
  }

  close(): void {
    this.end(() => {});
  }

  private async ask(): Promise<void> {
    await this.peer.setLocalDescription(await this.peer.createOffer());
    const answer = await fetch(this.url, {
      method: "POST",
      headers: { "content-type": "application/sdp", accept: "application/sdp, application/json" },
      body: this.peer.localDescription?.sdp ?? "",
      signal: this.gone.signal,
    });
    if (!answer.ok) return this.refused(answer);
    this.resource = new URL(answer.headers.get("location") ?? "", this.url).href;
    await this.peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    this.hearer.onAgreed("webrtc");
  }

  private async refused(answer: Response): Promise<void> {
    const said = (await answer.json().catch(() => undefined)) as Refusal | undefined;
    // 406: none of the codecs; anything else is about the session, which the API knows.
    if (answer.status === 406 && said?.message) this.end(() => this.hearer.onUnplayable("", said.message));
    else this.end(() => this.hearer.onLost());
  }

  private show(event: RTCTrackEvent): void {
    // As little in hand as there can be; what is late is not waited for.
    if ("jitterBufferTarget" in event.receiver) event.receiver.jitterBufferTarget = 0;
    this.video.srcObject = event.streams[0] ?? new MediaStream([event.track]);
    this.video.play().catch(() => (this.video.muted = true));
  }

  private handle(text: string): void {
    try {
      const said = JSON.parse(text) as { type?: string; value?: { reason?: string } };
      const reason = said.value?.reason;
      if (said.type === "ended" && reason) this.end(() => this.hearer.onEnded(reason));
    } catch {
      // Not ours.
    }
  }

  private changed(): void {
    if (this.peer.connectionState === "failed" || this.peer.connectionState === "closed") this.end(() => this.hearer.onLost());
  }

  private lostUnlessConnected(): void {
    if (this.peer.connectionState !== "connected") this.end(() => this.hearer.onLost());
  }

  private end(tell: () => void): void {
    if (this.over) return;
    this.over = true;
    this.gone.abort();
    window.clearTimeout(this.timer);
    this.peer.close();
    this.video.srcObject = null;
    if (this.resource) void fetch(this.resource, { method: "DELETE", keepalive: true }).catch(() => undefined);
    tell();
  }
}
