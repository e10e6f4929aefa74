// Glass to glass: a simulated camera stamps one picture in seven with the wall time at which it sends it (an SEI unit). This script, put
// into a page before all others, reads the stamps out of what the page feeds to its media source, or gets by WebRTC, and matches them to
// the frames that the browser says it shows. `window.delays` are milliseconds from the camera's sending to the frame's display,
// `window.decoded` the frames decoded so far.

/** Runs in the page, before its own scripts. */
export function readStamps() {
  const UUID = new TextEncoder().encode("sluice-sim-stamp");
  const stamps = new Map();
  window.delays = [];

  /** The instant in a frame's bytes, in ms since 1970. */
  const stampIn = (bytes) => {
    for (let at = bytes.indexOf(UUID[0]); at !== -1 && at + 32 <= bytes.length; at = bytes.indexOf(UUID[0], at + 1))
      if (UUID.every((byte, number) => bytes[at + number] === byte))
        return parseInt(new TextDecoder().decode(bytes.subarray(at + 16, at + 32)), 16) / 1000;
    return undefined;
  };

  const tracks = new Map();
  const number = (bytes, at, wide) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return wide ? view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4) : view.getUint32(at);
  };
  const boxes = (bytes, from = 0, to = bytes.length) => {
    const all = [];
    for (let at = from; at + 8 <= to; at += number(bytes, at)) {
      if (number(bytes, at) < 8) break;
      all.push({ kind: String.fromCharCode(...bytes.subarray(at + 4, at + 8)), at: at + 8, to: at + number(bytes, at) });
    }
    return all;
  };
  const child = (bytes, box, kind) => box && boxes(bytes, box.at, box.to).find((one) => one.kind === kind);

  /** A track's clock, and what its edit list takes off. */
  const learn = (bytes, moov) => {
    for (const trak of boxes(bytes, moov.at, moov.to).filter((box) => box.kind === "trak")) {
      const [head, mdhd] = [child(bytes, trak, "tkhd"), child(bytes, child(bytes, trak, "mdia"), "mdhd")];
      const list = child(bytes, child(bytes, trak, "edts"), "elst");
      const begins = list ? (bytes[list.at] ? number(bytes, list.at + 16, true) : number(bytes, list.at + 12)) : 0;
      tracks.set(number(bytes, head.at + (bytes[head.at] ? 20 : 12)), { clock: number(bytes, mdhd.at + (bytes[mdhd.at] ? 20 : 12)), begins });
    }
  };
  /** The fields of four bytes that the flags of a box say are there. */
  const fields = (bytes, at, flags, names) => {
    const read = {};
    for (const [flag, name] of Object.entries(names)) {
      if (!(flags & flag)) continue;
      read[name] = number(bytes, at);
      at += 4;
    }
    return { read, at };
  };
  /** The frames of a fragment: where each lies, and when it is shown, in seconds of the source. */
  const framesOf = (bytes, moof) => boxes(bytes, moof.at, moof.to).filter((box) => box.kind === "traf").flatMap((traf) => {
    const [head, time, run] = ["tfhd", "tfdt", "trun"].map((kind) => child(bytes, traf, kind));
    const track = tracks.get(number(bytes, head.at + 4));
    const usual = fields(bytes, head.at + 8, number(bytes, head.at), { 0x2: "entry", 0x8: "lasts", 0x10: "size" }).read;
    const flags = number(bytes, run.at);
    const begin = fields(bytes, run.at + 8, flags, { 0x1: "data", 0x4: "first" });
    // Places count from the fragment's own first byte.
    let [field, from, decoded] = [begin.at, moof.at - 8 + begin.read.data, number(bytes, time.at + 4, bytes[time.at] === 1)];
    return Array.from({ length: number(bytes, run.at + 4) }, () => {
      const { read, at } = fields(bytes, field, flags, { 0x100: "lasts", 0x200: "size", 0x400: "kind", 0x800: "later" });
      const { size, lasts, later = 0 } = { ...usual, ...read };
      const frame = { from, to: from + size, at: (decoded + (later | 0) - track.begins) / track.clock };
      [field, from, decoded] = [at, frame.to, decoded + lasts];
      return frame;
    });
  });
  const append = SourceBuffer.prototype.appendBuffer;
  SourceBuffer.prototype.appendBuffer = function (data) {
    const bytes = ArrayBuffer.isView(data) ? data : new Uint8Array(data);
    for (const box of boxes(bytes)) {
      if (box.kind === "moov") learn(bytes, box);
      for (const frame of box.kind === "moof" ? framesOf(bytes, box) : []) {
        const stamp = stampIn(bytes.subarray(frame.from, frame.to));
        if (stamp) stamps.set(Math.round((frame.at + this.timestampOffset) * 1000), stamp);
      }
    }
    return append.call(this, data);
  };

  const Peer = window.RTCPeerConnection;
  window.RTCPeerConnection = function (config) {
    const peer = new Peer({ ...config, encodedInsertableStreams: true });
    peer.addEventListener("track", ({ receiver, track }) => {
      const { readable, writable } = receiver.createEncodedStreams();
      const look = (frame, out) => {
        const stamp = track.kind === "video" && stampIn(new Uint8Array(frame.data));
        if (stamp) stamps.set(`rtp${frame.getMetadata().rtpTimestamp ?? frame.timestamp}`, stamp);
        out.enqueue(frame);
      };
      void readable.pipeThrough(new TransformStream({ transform: look })).pipeTo(writable);
    });
    return peer;
  };
  window.RTCPeerConnection.prototype = Peer.prototype;

  const ask = HTMLVideoElement.prototype.requestVideoFrameCallback;
  HTMLVideoElement.prototype.requestVideoFrameCallback = function (hear) {
    return ask.call(this, (now, frame) => {
      hear(now, frame);
      window.decoded = this.getVideoPlaybackQuality().totalVideoFrames;
      // Times in a container are rounded to its clock, and those of the browser to microseconds.
      const near = Math.round(frame.mediaTime * 1000);
      const keys = frame.rtpTimestamp === undefined ? [0, -1, 1, -2, 2].map((off) => near + off) : [`rtp${frame.rtpTimestamp}`];
      const stamp = keys.map((key) => stamps.get(key)).find(Boolean);
      if (stamp) window.delays.push(performance.timeOrigin + frame.expectedDisplayTime - stamp);
    });
  };
}
