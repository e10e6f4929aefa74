// Glass to glass: a simulated camera stamps one picture in seven with the wall time at which it sends it (an SEI unit). This script, put
// into a page before all others, reads the stamps out of what the page feeds to its media source, or gets by WebRTC, and matches them to
// the frames that the browser says it shows. `window.delays` are milliseconds from the camera's sending to the frame's display.

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
  /** When the one frame of a fragment is shown, in seconds of the source. */
  const shownAt = (bytes, moof) => {
    const traf = child(bytes, moof, "traf");
    const [head, time, run] = ["tfhd", "tfdt", "trun"].map((kind) => child(bytes, traf, kind));
    const track = tracks.get(number(bytes, head.at + 4));
    const flags = number(bytes, run.at) & 0xffffff;
    let at = run.at + 8;
    for (const flag of [1, 4, 0x100, 0x200, 0x400]) if (flags & flag) at += 4;
    const later = flags & 0x800 ? new DataView(bytes.buffer, bytes.byteOffset).getInt32(at) : 0;
    return (number(bytes, time.at + 4, bytes[time.at] === 1) + later - track.begins) / track.clock;
  };
  const append = SourceBuffer.prototype.appendBuffer;
  SourceBuffer.prototype.appendBuffer = function (bytes) {
    let at;
    for (const box of boxes(bytes)) {
      if (box.kind === "moov") learn(bytes, box);
      if (box.kind === "moof") at = shownAt(bytes, box);
      const stamp = box.kind === "mdat" && stampIn(bytes.subarray(box.at, box.to));
      if (stamp) stamps.set(Math.round(at * 1000), stamp);
    }
    return append.call(this, bytes);
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
      // Times in a container are rounded to its clock, and those of the browser to microseconds.
      const near = Math.round(frame.mediaTime * 1000);
      const keys = frame.rtpTimestamp === undefined ? [0, -1, 1, -2, 2].map((off) => near + off) : [`rtp${frame.rtpTimestamp}`];
      const stamp = keys.map((key) => stamps.get(key)).find(Boolean);
      if (stamp) window.delays.push(performance.timeOrigin + frame.expectedDisplayTime - stamp);
    });
  };
}
