// hls.js, a player that is not ours, on a page of the console's origin or of another one: its own settings, and a record of what it asked
// for, loaded, did and showed. It is put in by the debugger, as axe-core is: the page's policy lets no foreign script in.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

import { open } from "./browser.mjs";
import { PATIENCE_MS } from "./scenes.mjs";

const HLS = new URL("../node_modules/hls.js/dist/hls.min.js", import.meta.url);

/** A page on which `url` plays from now on. `before` runs in it before all else. `page.asked` are requests of media and their answers. */
export async function playing(browser, appliance, url, before) {
  const page = await open(browser, appliance);
  if (before) {
    await page.context().addInitScript(before);
    await page.reload();
  }
  page.asked = [];
  page.on("response", (answer) => {
    if (answer.url().startsWith(url.slice(0, url.lastIndexOf("/"))))
      page.asked.push({ file: answer.url().split("/").pop(), status: answer.status(), at: Date.now() });
  });
  await page.evaluate(await readFile(HLS, "utf8"));
  await page.evaluate(begin, url);
  return page;
}

/** A site of somebody else's: one empty page, on a port of the kernel's choice. */
export async function otherSite() {
  const server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<!doctype html><title>VMS</title>"));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { api: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

/** Runs in the page. */
function begin(url) {
  const { Hls } = globalThis;
  const video = document.createElement("video");
  // Sound would need somebody's touch.
  video.muted = true;
  const hls = new Hls({ lowLatencyMode: true });
  const began = performance.now();
  const end = () => (video.buffered.length ? video.buffered.end(video.buffered.length - 1) : 0);
  const seen = { errors: [], loaded: [], playlists: [], frames: [], stops: [], seeks: 0, firstMs: undefined };
  window.player = { hls, video, seen, end };
  hls.on(Hls.Events.ERROR, (_, { details, fatal, response }) => {
    seen.errors.push({ details, fatal, status: response?.code, at: Date.now(), end: end() });
  });
  hls.on(Hls.Events.FRAG_LOADED, (_, { frag, part }) => seen.loaded.push({ sn: frag.sn, part: part?.index, whole: !part }));
  hls.on(Hls.Events.LEVEL_LOADED, (_, { details }) => seen.playlists.push({ live: details.live, blocks: details.canBlockReload }));
  video.addEventListener("waiting", () => seen.stops.push(video.currentTime));
  video.addEventListener("seeking", () => seen.seeks++);
  /** When a picture was taken, by the playlist's dates. */
  const dateOf = (time) => {
    const { fragments, fragmentHint } = hls.latestLevelDetails;
    const frag = [...fragments, fragmentHint].find((one) => one && one.start <= time && time < one.start + one.duration);
    return frag && frag.programDateTime + (time - frag.start) * 1_000;
  };
  const look = () =>
    video.requestVideoFrameCallback((_, { mediaTime, width }) => {
      seen.firstMs ??= performance.now() - began;
      seen.frames.push({ at: Date.now(), time: mediaTime, date: dateOf(mediaTime), width });
      look();
    });
  look();
  hls.loadSource(url);
  hls.attachMedia(video);
  void video.play();
}

/** What was seen so far. */
export const seenBy = (page) =>
  page.evaluate(() => {
    const { video, seen, end } = window.player;
    return { ...seen, time: video.currentTime, end: end(), ended: video.ended, decoded: video.getVideoPlaybackQuality().totalVideoFrames };
  });

/** Plays to the end; what was seen. */
export async function playedOut(page) {
  const over = () => window.player.video.ended || window.player.seen.errors.some((error) => error.fatal);
  await page.waitForFunction(over, undefined, { timeout: PATIENCE_MS }).catch(() => undefined);
  const seen = await seenBy(page);
  const { frames, ...rest } = seen;
  if (!seen.ended) throw new Error(`not played out, ${frames.length} frames shown: ${JSON.stringify(rest)}`);
  return seen;
}
