// The parts of Playback that need no browser: what is known of a recording, the scale, the playlist, the pieces, the common clock.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { source } from "./source.mjs";

const { Coverage, joined, outside } = await source("pages/playback/coverage.ts");
const scale = await source("pages/playback/scale.ts");
const { parsePlaylist, pieceAt } = await source("player/playlist.ts");
const { DamagedMedia, timesOf, tracksOf, without } = await source("player/boxes.ts");
const { Together } = await source("player/together.ts");
const request = await source("pages/playback/request.ts");

const DAY = 86_400_000;

test("what is known of a recording grows by answers, and a file wins over a gap", () => {
  const coverage = new Coverage();
  const now = 1_000_000;
  assert.deepEqual(coverage.missing({ from: 0, to: 2_000_000 }, now), [{ from: 0, to: now }]);
  const gaps = [{ from: 400_000, to: 600_000, reason: "refused" }, { from: 300_000, to: 300_020, reason: "updated" }];
  coverage.learn({ from: 0, to: now }, [{ from: 0, to: 400_050 }, { from: 600_000, to: now }], gaps, now);
  assert.deepEqual(coverage.at(400_020), { is: "recorded" });
  assert.equal(coverage.at(500_000).gap.reason, "refused");
  assert.deepEqual(coverage.at(now + 1), { is: "unknown" });
  assert.equal(coverage.edge(450_000, 1), 600_000);
  assert.equal(coverage.edge(700_000, -1), 600_000);
  // The last seconds may still be on their way to the disk.
  assert.deepEqual(coverage.missing({ from: 0, to: 2_000_000 }, now), [{ from: now - 5_000, to: now }]);
  coverage.learn({ from: now - 5_000, to: now + 20_000 }, [{ from: now - 5_000, to: now + 20_000 }], [], now + 20_000);
  assert.deepEqual(coverage.recorded({ from: 600_000, to: 2_000_000 }), [{ from: 600_000, to: now + 20_000 }]);
  assert.equal(coverage.gaps({ from: 0, to: now }).length, 1);
});

test("a month is asked for in weeks", () => {
  const parts = new Coverage().missing({ from: 0, to: 31 * DAY }, 31 * DAY);
  assert.deepEqual(parts.map((part) => part.to - part.from), [7, 7, 7, 7, 3].map((days) => days * DAY));
});

test("spans are joined and cut", () => {
  assert.deepEqual(joined([{ from: 5, to: 9 }, { from: 0, to: 5 }, { from: 20, to: 30 }]), [{ from: 0, to: 9 }, { from: 20, to: 30 }]);
  assert.deepEqual(outside({ from: 0, to: 10 }, [{ from: 2, to: 3 }, { from: 8, to: 20 }]), [{ from: 0, to: 2 }, { from: 3, to: 8 }]);
});

test("the scale goes from a second to a month and keeps what it is zoomed at", () => {
  let view = { from: 0, to: 3_600_000 };
  for (let n = 0; n < 60; n++) view = scale.zoomed(view, 0.5, 1_800_000);
  assert.ok(Math.abs(view.to - view.from - 1_000) < 1e-3 && Math.abs(scale.place(view, 1_800_000, 100) - 50) < 1e-3);
  for (let n = 0; n < 60; n++) view = scale.zoomed(view, 2, 1_800_000);
  assert.ok(Math.abs(view.to - view.from - 31 * DAY) < 1e-3);
  for (const length of [1_000, 60_000, 3_600_000, DAY, 31 * DAY]) {
    const ticks = scale.ticks({ from: 1_764_000_000_000, to: 1_764_000_000_000 + length }, 1_000);
    assert.ok(ticks.length >= 3 && ticks.length <= 14, `${length}: ${ticks.length}`);
  }
  assert.equal(scale.length(3 * 3_600_000 + 240_000), "3 h 4 min");
});

const LIST = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-MAP:URI="init-1.mp4"
#EXT-X-PROGRAM-DATE-TIME:2025-11-24T16:00:00.000Z
#EXTINF:2.040000,
1-0-4.m4s
#EXTINF:2.000000,
1-4-4.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="init-1.mp4"
#EXT-X-PROGRAM-DATE-TIME:2025-11-24T16:01:00.000Z
#EXTINF:2.000000,
2-0-4.m4s
#EXT-X-ENDLIST
`;

test("a playlist's pieces have instants, and a gap is no piece", () => {
  const { pieces, ended } = parsePlaylist(LIST);
  const zero = Date.parse("2025-11-24T16:00:00Z");
  assert.deepEqual(pieces.map((p) => [p.name, p.start - zero, p.end - zero, p.cut]), [
    ["1-0-4.m4s", 0, 2_040, false],
    ["1-4-4.m4s", 2_040, 4_040, false],
    ["2-0-4.m4s", 60_000, 62_000, true],
  ]);
  assert.ok(ended);
  assert.equal(pieceAt(pieces, zero + 2_039).name, "1-0-4.m4s");
  assert.equal(pieceAt(pieces, zero + 2_040).name, "1-4-4.m4s");
  assert.equal(pieceAt(pieces, zero + 10_000), undefined);
});

test("a playlist that leads elsewhere is none", () => {
  for (const name of ["https://elsewhere/1.m4s", "../1.m4s", "//host/x", "/x", ""]) {
    const text = LIST.replace("1-0-4.m4s", name);
    if (name) assert.throws(() => parsePlaylist(text), /beside/, name);
  }
  assert.throws(() => parsePlaylist("<html>"), /not a playlist/);
});

/** A fragmented file of ffmpeg's as header and the rest. */
function clip(dir, codec) {
  const file = join(dir, "clip.mp4");
  const video = `-f lavfi -i testsrc2=size=320x240:rate=25:duration=2 -f lavfi -i sine=duration=2 ${codec} -c:a aac`;
  const options = "-movflags frag_keyframe+empty_moov+default_base_moof";
  execFileSync("ffmpeg", `-hide_banner -nostdin -loglevel error -y ${video} ${options} ${file}`.split(" "));
  const bytes = new Uint8Array(readFileSync(file));
  const moof = Buffer.from(bytes).indexOf("moof") - 4;
  return { file, header: bytes.subarray(0, moof), piece: bytes.subarray(moof) };
}

test("ffmpeg and we read the same pictures, also where they are shown in another order", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "sluice-boxes-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const codecs = [
    ["-c:v libx264 -profile:v high -level 4.1 -bf 2 -g 25", /^avc1\.640029$/],
    ["-c:v libx265 -x265-params log-level=error -tag:v hvc1", /^hvc1\.1\.6\.L\d+(\.[0-9a-f]+)*$/],
  ];
  for (const [codec, expected] of codecs) {
    const { file, header, piece } = clip(dir, codec);
    const [video, sound] = tracksOf(header);
    assert.match(video.codec, expected);
    assert.equal(sound.codec, "mp4a.40.2");
    const probe = ["-v", "error", "-select_streams", "v", "-show_entries", "packet=pts", "-of", "csv=p=0", file];
    const lines = execFileSync("ffprobe", ["-ignore_editlist", "1", ...probe]).toString().trim().split("\n");
    const told = lines.map((line) => Number.parseInt(line, 10)).sort((a, b) => a - b);
    assert.deepEqual(timesOf(piece, video).shown, told);
    const quiet = without(header, new Set([sound.id]));
    assert.deepEqual(tracksOf(quiet).map((track) => track.kind), ["video"]);
    assert.throws(() => timesOf(without(piece, new Set([video.id])), video), DamagedMedia);
    hostile(header, piece, video);
  }
});

/** Whatever is wrong with the bytes, it is damage and nothing else, and it ends. */
function hostile(header, piece, video) {
  let seed = 7;
  const random = (n) => (seed = (seed * 48_271) % 2_147_483_647) % n;
  let damaged = 0;
  for (let round = 0; round < 3_000; round++) {
    const bytes = (round % 2 ? header : piece.subarray(0, 4_000)).slice();
    for (let n = 0; n <= random(4); n++) bytes[random(bytes.length)] = random(256);
    try {
      if (round % 2) tracksOf(bytes);
      else timesOf(bytes, video);
    } catch (error) {
      assert.ok(error instanceof DamagedMedia, String(error.stack));
      damaged++;
    }
  }
  assert.ok(damaged > 100, `${damaged}`);
}

/** A recording that is there in some stretches. */
function follower(stretches) {
  const within = (at) => stretches.find(([from, to]) => at >= from && at < to);
  const end = stretches.at(-1)[1];
  return {
    loading: false,
    seen: [],
    standing(at) {
      return at >= end ? "over" : !within(at) ? "gap" : this.loading ? "loading" : "ready";
    },
    nextRecorded: (at) => (within(at) ? at : stretches.find(([from]) => from >= at)?.[0]),
    neighbour: (at, direction) => (within(at + 40 * direction) ? at + 40 * direction : undefined),
    follow(at, rate, running) {
      this.seen.push([at, running]);
    },
  };
}

test("the clock waits for whoever fetches, and steps over what nobody recorded", () => {
  const [a, b] = [follower([[0, 1_000], [5_000, 9_000]]), follower([[0, 2_000], [7_000, 9_000]])];
  const clock = new Together(0);
  clock.lead([a, b]);
  let now = 0;
  const turn = (millis) => {
    for (let n = 0; n < millis / 10; n++) clock.turn((now += 10));
  };
  clock.play();
  turn(500);
  assert.ok(Math.abs(clock.at - 490) < 11, `${clock.at}`);
  b.loading = true;
  turn(300);
  assert.deepEqual([clock.motion, b.seen.at(-1)[1]], ["waiting", false]);
  assert.ok(clock.at < 520);
  b.loading = false;
  turn(1_000);
  assert.equal(clock.motion, "running", "one in a gap holds up nobody");
  assert.ok(clock.at > 1_400 && clock.at < 1_520);
  turn(700);
  assert.ok(clock.at >= 5_000 && clock.at < 5_300, `over the gap of both: ${clock.at}`);
  clock.setRate(4);
  turn(500);
  assert.ok(clock.at > 6_900 && clock.at < 7_300, `${clock.at}`);
  turn(1_000);
  assert.deepEqual([clock.motion, clock.wanted], ["still", false], "the end");
});

test("with gaps kept the clock runs through them", () => {
  const clock = new Together(900);
  clock.lead([follower([[0, 1_000], [5_000, 9_000]])]);
  clock.skipsGaps = false;
  clock.play();
  for (let now = 0; now <= 1_000; now += 10) clock.turn(now);
  assert.ok(clock.at > 1_800 && clock.at < 2_000, `${clock.at}`);
});

test("a step stops the clock at the neighbouring picture", () => {
  const clock = new Together(400);
  clock.lead([follower([[0, 1_000]])]);
  clock.play();
  assert.equal(clock.step(1), true);
  assert.deepEqual([clock.wanted, Math.round(clock.at)], [false, 441]);
  clock.seek(990);
  assert.equal(clock.step(1), false);
});

test("a request says what it lacks before it is sent", () => {
  const draft = request.emptyDraft("GA-3", "接警");
  const now = 10 * DAY;
  assert.deepEqual(request.faultsOf(draft, null, now), { recipient: "required", medium: "required", selection: "noSelection" });
  const whole = { ...draft, recipient: "检察院", medium: "U盘" };
  assert.deepEqual(request.faultsOf(whole, { from: 0, to: DAY }, now), { selection: "fourHours" });
  assert.deepEqual(request.faultsOf(whole, { from: now, to: now + 1 }, now), { selection: "past" });
  assert.deepEqual(request.faultsOf({ ...whole, forMedia: true }, { from: 0, to: 1_000 }, now), { mediaRelease: "required" });
  assert.deepEqual(request.regionBetween([0.9, 0.8], [0.5, 0.25]), { x: 500, y: 250, w: 400, h: 550 });
  assert.equal(request.regionBetween([0.5, 0.5], [0.505, 0.9]), null);
  assert.deepEqual(request.bounded({ x: 999, y: -5, w: 900, h: 1 }), { x: 980, y: 0, w: 20, h: 20 });
});
