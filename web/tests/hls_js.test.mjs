// hls.js, a player that is not ours: low-latency HLS part by part, a recording across a gap and across another picture size without a
// jump by hand, and what it does when somebody ends the session.
import assert from "node:assert/strict";
import { loadavg } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Appliance } from "./appliance.mjs";
import { launch, SMOKE } from "./browser.mjs";
import { addCamera, simulated } from "./cameras.mjs";
import { otherSite, playedOut, playing, seenBy } from "./hls_page.mjs";
import { eventually, makeGap, run } from "./scenes.mjs";

/** Played of a live stream; recorded on each side of a gap or of another size. */
const [LIVE_S, SIDE_MS] = [SMOKE ? 3 : 12, 6_000];
/** Behind the camera at most, by the playlist's dates; from an end to its refusal. */
const [BEHIND_MS, CUT_MS] = [2_000, 2_000];
/** A second of a clip. The last frames of a stretch may be on either side of its end. */
const [FRAMES_PER_S, FRAMES_OFF] = [25, 3];
const SIZES = ["320x240", "640x360"];

let [appliance, browser, operator, clips, cameras, sites] = [];
before(async () => {
  sites = await Promise.all([otherSite(), otherSite()]);
  const named = ["--set", `api.player_origins=["${sites[0].api}"]`];
  [appliance, browser] = await Promise.all([Appliance.start(2, named), launch()]);
  operator = await appliance.as("operator");
  if (SMOKE) return;
  clips = await Promise.all(SIZES.map(clipOf));
  cameras = await Promise.all(clips.map((clip) => simulated(["--file", clip])));
  await addCamera(appliance, "silent", cameras[0].source);
  await addCamera(appliance, "sizes", cameras[0].source);
});
after(async () => {
  await browser?.close();
  cameras?.forEach((camera) => camera.stop());
  sites?.forEach((site) => site.stop());
  await appliance?.stop();
});

/** A clip of that size, without sound. */
async function clipOf(size) {
  const file = join(appliance.dir, `${size}.mp4`);
  const picture = ["-f", "lavfi", "-i", `testsrc2=size=${size}:rate=${FRAMES_PER_S}:duration=20`];
  await run("ffmpeg", ["-loglevel", "error", ...picture, ..."-c:v libx264 -preset veryfast -bf 0 -g 25 -b:v 300k".split(" "), file]);
  return file;
}

async function session(camera, more) {
  return operator("POST", "/sessions", { camera, purpose: appliance.demo.purpose, reason: "接警 2026-117", ...more });
}

async function live(camera) {
  await eventually("the camera is there", async () => (await operator("GET", `/cameras/${camera}`)).device_status === "online");
  return session(camera, { verb: "live" });
}

/** The URL of a recording's playlist. */
async function recorded(camera, ...stretch) {
  const [from, to] = stretch.map((at) => new Date(at).toISOString());
  return (await session(camera, { verb: "playback", from, to })).urls.hls;
}

/** A page of its own on which it plays. */
async function hls(t, url) {
  const page = await playing(browser, appliance, url);
  t.after(() => page.context().close());
  return page;
}

const fatal = ({ errors }) => errors.filter((error) => error.fatal);
const told = ({ errors, stops, seeks }) => `faults ${JSON.stringify(errors)}; ran dry at ${stops.map((at) => at.toFixed(2))}; ${seeks} seeks`;

test("live, part by part, without a fault and within two seconds", async (t) => {
  const page = await hls(t, (await live("demo-1")).urls.hls);
  const long = (seconds) => window.player.seen.frames.at(-1)?.time - window.player.seen.frames[0]?.time > seconds;
  await page.waitForFunction(long, LIVE_S, { timeout: 60_000 });
  const seen = await seenBy(page);
  const behind = seen.frames.map((frame) => frame.at - frame.date).sort((a, b) => a - b);
  const at = (share) => Math.round(behind[Math.floor(behind.length * share)]);
  const refused = page.asked.filter((one) => one.status !== 200);
  const [first, load] = [Math.round(seen.firstMs), loadavg()[0].toFixed(1)];
  t.diagnostic(`first picture after ${first} ms, then ${at(0.5)} ms behind at the median and ${at(0.95)} ms at p95; load ${load}`);
  t.diagnostic(`${seen.loaded.length} parts in ${page.asked.length} requests, ${refused.length} of them refused; ${told(seen)}`);
  assert.deepEqual(fatal(seen), []);
  assert.deepEqual(refused, []);
  assert.ok(seen.playlists.every((one) => one.live && one.blocks), "it waits for the next part at the server");
  assert.ok(seen.loaded.every((one) => !one.whole), "parts, not segments");
  const names = seen.loaded.map(({ sn, part }) => `${sn}.${part}`);
  assert.equal(new Set(names).size, names.length, "each part once");
  assert.ok(SMOKE || at(0.5) < BEHIND_MS, `${at(0.5)} ms behind`);
  assert.deepEqual(page.faults, []);
});

test("who watches first is not told to come back later", async (t) => {
  const page = await hls(t, (await live("demo-2")).urls.hls);
  await page.waitForFunction(() => window.player.seen.firstMs !== undefined);
  const { errors, firstMs } = await seenBy(page);
  t.diagnostic(`first picture after ${Math.round(firstMs)} ms`);
  assert.deepEqual(errors, []);
});

test("a page of another origin plays where the appliance names it, and nowhere else", async (t) => {
  const { urls } = await live("demo-1");
  const [named, other] = await Promise.all(sites.map((site) => playing(browser, site, urls.hls)));
  t.after(() => Promise.all([named, other].map((page) => page.context().close())));
  await named.waitForFunction(() => window.player.seen.frames.length > 10);
  await other.waitForFunction(() => window.player.seen.errors.some((error) => error.fatal));
  assert.deepEqual(named.faults, []);
  assert.equal((await seenBy(other)).frames.length, 0);
  assert.ok(other.faults.every((fault) => /CORS|ERR_FAILED/.test(fault)), other.faults.join("\n"));
});

/** Plays a stretch to its end: each of its frames, with no fault and no jump. */
async function playsOut(t, url, list) {
  const page = await hls(t, url);
  const seen = await playedOut(page);
  const seconds = [...list.matchAll(/^#EXTINF:([\d.]+)/gm)].reduce((sum, [, lasts]) => sum + Number(lasts), 0);
  t.diagnostic(`${seen.decoded} frames decoded of ${Math.round(seconds * FRAMES_PER_S)}; ${told(seen)}`);
  assert.deepEqual(fatal(seen), []);
  assert.equal(seen.seeks, 0, "it jumps over nothing");
  assert.ok(Math.abs(seen.decoded - seconds * FRAMES_PER_S) <= FRAMES_OFF, `${seen.decoded} frames of ${seconds} s`);
  assert.deepEqual(page.faults, []);
  return seen;
}

for (const [what, camera] of [["pictures", "silent"], ["pictures and sound", "demo-2"]]) {
  test(`a recording across a gap goes on by itself: ${what}`, { skip: SMOKE }, async (t) => {
    const gap = await makeGap(appliance, camera, SIDE_MS);
    const url = await recorded(camera, gap.from - SIDE_MS, gap.to + SIDE_MS);
    const list = await (await fetch(url)).text();
    const joins = list.split("#EXT-X-DISCONTINUITY\n").slice(1);
    const dates = joins.map((behind) => Date.parse(/^#EXT-X-PROGRAM-DATE-TIME:(.*)$/m.exec(behind)[1]));
    assert.deepEqual(dates, [gap.to], list);
    const { frames } = await playsOut(t, url, list);
    const within = frames.filter(({ date }) => date > gap.from && date < gap.to - 1);
    assert.deepEqual(within, [], "no picture is dated within the gap");
    assert.ok(frames.some(({ date }) => date < gap.from) && frames.at(-1).date > gap.to + SIDE_MS / 2);
  });
}

test("a recording across another picture size goes on by itself", { skip: SMOKE }, async (t) => {
  const items = async () => (await operator("GET", "/cameras/sizes/timeline")).items.map((item) => [item.start, item.end].map(Date.parse));
  await eventually("it is recorded", async () => (await items()).some(([start, end]) => end - start > SIDE_MS));
  const changed = Date.now();
  await (await appliance.as("catalogue_admin"))("PATCH", "/cameras/sizes", { source: cameras[1].source });
  const to = await eventually("the other size is recorded", async () => {
    const [, end] = (await items()).at(-1);
    return end > changed + SIDE_MS && end;
  });
  const url = await recorded("sizes", changed - SIDE_MS, to);
  const list = await (await fetch(url)).text();
  assert.equal(new Set(list.match(/^#EXT-X-MAP:.*$/gm)).size, 2, list);
  const { frames } = await playsOut(t, url, list);
  const widths = frames.map(({ width }) => width).filter((width, at, all) => width !== all[at - 1]);
  assert.deepEqual(widths, [320, 640]);
});

test("who ends a session is obeyed", { skip: SMOKE }, async (t) => {
  const { id, urls } = await live("demo-1");
  const page = await hls(t, urls.hls);
  await page.waitForFunction((frames) => window.player.seen.frames.length > frames, FRAMES_PER_S);
  const bureau = await appliance.as("bureau_approver");
  const asked = Date.now();
  await bureau("DELETE", `/sessions/${id}`, { reason: "与警情无关" });
  const refused = () => page.asked.find((one) => one.status === 403);
  await eventually("a refusal", refused);
  // It asks some times more before it gives up; what it had in hand is shown by then.
  await page.waitForFunction(() => window.player.seen.errors.some((error) => error.fatal && error.status === 403));
  const seen = await seenBy(page);
  const took = refused().at - asked;
  t.diagnostic(`refused ${took} ms after the request to end it; ${told(seen)}`);
  assert.ok(took < CUT_MS, `refused after ${took} ms`);
  const later = page.asked.slice(page.asked.indexOf(refused()));
  assert.deepEqual(later.filter((one) => one.status !== 403), [], "nothing more is had");
  const first = seen.errors.find((error) => error.status === 403);
  assert.equal(seen.end, first.end, "nothing more came to be decoded");
  assert.ok(seen.decoded <= Math.ceil(seen.end * FRAMES_PER_S), `${seen.decoded} frames of ${seen.end} s`);
});
