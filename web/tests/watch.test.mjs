// Watch: a wall of four cameras under sessions with purpose and reason, marked in every quarter of every picture; refusals with their
// article, ends with whose hand it was, what was seen filed from a tile.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Appliance } from "./appliance.mjs";
import { launch, open, shot, signIn, SMOKE } from "./browser.mjs";
import { found } from "./pixels.mjs";

const CAMERAS = ["demo-1", "demo-2", "demo-3", "demo-4"];
/** The words are there; those of somebody else are not. */
const [THERE, LESS] = [0.25, 0.7];
const LOOKS_MAX = 4;
const read = ([mine, other]) => mine > THERE && other < mine * LESS;

let [appliance, browser] = [];
before(async () => {
  [appliance, browser] = await Promise.all([Appliance.start(CAMERAS.length), launch()]);
});
after(async () => {
  await browser?.close();
  await appliance?.stop();
});

/** Videos are in no document; this keeps them where a test finds them. */
function keepVideos() {
  const make = document.createElement.bind(document);
  window.videos = [];
  document.createElement = (name, ...more) => {
    const made = make(name, ...more);
    if (name === "video") window.videos.push(made);
    return made;
  };
}

async function watching(options) {
  const page = await open(browser, appliance, options);
  await page.context().addInitScript(keepVideos);
  await page.reload();
  await signIn(page, appliance, "operator");
  await page.locator(".leaf").first().waitFor();
  return page;
}

async function giveWhy(page) {
  const dialog = page.locator("dialog");
  await dialog.locator("select").first().selectOption(appliance.demo.purpose);
  await dialog.locator("textarea").fill("学院路口交通疏导,警情 20261127-03");
  await dialog.locator("button.main").click();
}

async function fourPlay(page) {
  await page.locator(`[data-camera="${CAMERAS[0]}"]`).click();
  await giveWhy(page);
  for (const camera of CAMERAS.slice(1)) await page.locator(`[data-camera="${camera}"]`).click();
  await page.waitForFunction(() => document.querySelectorAll("[data-state=playing]").length === 4);
}

const frames = (page) => page.evaluate(() => window.videos.map((video) => video.getVideoPlaybackQuality().totalVideoFrames));
const tile = (page, number) => page.locator(`[data-tile="${number}"]`);

test("a wall of four plays, with its time left, zoomed and in both languages and themes", async () => {
  const page = await watching();
  await fourPlay(page);
  const before = await frames(page);
  await page.waitForFunction((was) => window.videos.every((video, at) => video.getVideoPlaybackQuality().totalVideoFrames > was[at] + 20), before);
  assert.equal(await page.locator("video").count(), 0, "no picture without its mark is in the document");
  assert.match(await page.locator(".left").innerText(), /\d+:\d\d/);
  await page.locator('[data-act="renew"]').click();
  await page.locator(".toasts p").first().waitFor();
  for (const theme of SMOKE ? [] : ["light", "dark"]) {
    for (const language of ["zh", "en"]) {
      await page.locator(".switches select").selectOption(theme);
      if ((await page.getAttribute("html", "lang")).startsWith("zh") !== (language === "zh")) await page.locator(".switches button").click();
      await shot(page, `watch-${theme}-${language}`);
    }
  }
  await page.setViewportSize({ width: 1280, height: 720 });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 1280, "it fits 1280 x 720");
  await shot(page, "watch-1280");
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("every quarter of a picture shows unit and name: small, large, zoomed, full screen", async (context) => {
  const page = await watching();
  const lab = await browser.newPage();
  const me = await page.evaluate(async () => (await fetch("/api/v1/me")).json());
  const own = { unit: me.unit_name, name: me.name, staffEnd: me.staff_no_end, terminal: me.terminal };
  const others = { ...own, unit: "水利局", name: "Other viewer" };
  await fourPlay(page);
  const looked = async (name, whole) => {
    // The clip has noise and letters of its own, which move on: what they cover in one look shows in another.
    let scores = [];
    for (let looks = 0; looks < LOOKS_MAX && !(scores.length && scores.every(read)); looks++) {
      const png = await tile(page, 1).locator("canvas").screenshot();
      const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
      const picture = whole ? { x: 0, y: 0, width, height } : fitted(width, height);
      const now = await found(lab, png, picture, quarters(picture), [own, others]);
      scores = now.map((score, at) => (scores[at] && read(scores[at]) ? scores[at] : score));
    }
    const said = scores.map(([mine, other]) => `${mine.toFixed(2)} (another's ${other.toFixed(2)})`).join(", ");
    context.diagnostic(`${name}: ${said}`);
    assert.ok(scores.every(read), `${name}: ${said}`);
  };
  await looked("a tile of four");
  await tile(page, 1).focus();
  for (let step = 0; step < 6; step++) await page.keyboard.press("+");
  await looked("zoomed", true);
  await page.keyboard.press("0");
  await page.keyboard.press("f");
  await page.waitForFunction(() => document.fullscreenElement?.classList.contains("tile"));
  await page.waitForTimeout(500);
  await looked("full screen");
  await shot(page, "watch-full-screen");
  await page.keyboard.press("f");
  await page.waitForFunction(() => !document.fullscreenElement);
  if (!SMOKE) {
    await page.locator(".choices button", { hasText: /^16$/ }).click();
    await page.waitForFunction(() => document.querySelectorAll("[data-tile]").length === 16);
    await page.waitForTimeout(700);
    await looked("a tile of sixteen");
    await shot(page, "watch-16");
  }
  assert.equal(await page.evaluate(() => window.videos.every((video) => video.disablePictureInPicture && !video.isConnected)), true);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

/** Where a picture of 16:9 lies in a canvas. */
function fitted(width, height) {
  const scale = Math.min(width / 16, height / 9);
  const size = { width: 16 * scale, height: 9 * scale };
  return { x: (width - size.width) / 2, y: (height - size.height) / 2, ...size };
}

function quarters({ x, y, width, height }) {
  const [w, h] = [Math.floor(width / 2), Math.floor(height / 2)];
  const at = (column, row) => ({ x: Math.round(x + column * (width / 2)), y: Math.round(y + row * (height / 2)), width: w, height: h });
  return [at(0, 0), at(1, 0), at(0, 1), at(1, 1)];
}

test("cameras are found as one types and on the plan, by keyboard alone", async () => {
  const page = await watching({ language: "en" });
  await page.locator('input[type="search"]').fill("演示路口 3");
  assert.equal(await page.locator(".leaf").count(), 1);
  await page.locator(".finder .choices button").nth(1).click();
  assert.match(await page.locator(".plan").innerText(), /no coordinates/);
  await page.locator(".spot").focus();
  await page.keyboard.press("Enter");
  await giveWhy(page);
  await page.waitForFunction(() => document.querySelector('[data-tile="1"]').dataset.state === "playing");
  await shot(page, "watch-plan");
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("what was seen is filed from the tile, with its session", async () => {
  const page = await watching();
  await page.locator('[data-camera="demo-2"]').click();
  await shot(page, "watch-why");
  await giveWhy(page);
  await page.waitForFunction(() => document.querySelector('[data-tile="1"]').dataset.state === "playing");
  await tile(page, 1).hover();
  await tile(page, 1).locator('[data-act="finding"]').click();
  await page.locator("dialog textarea").fill("护栏缺失");
  await shot(page, "watch-finding");
  await page.locator("dialog button.main").click();
  await page.locator("dialog").waitFor({ state: "detached" });
  await tile(page, 1).hover();
  await tile(page, 1).locator('[data-act="incident"]').click();
  await page.locator("dialog input[type=text]").fill("火情");
  await page.locator("dialog textarea").fill("路侧起火");
  await page.locator("dialog button.main").click();
  await page.locator("dialog").waitFor({ state: "detached" });
  const call = await appliance.as("operator");
  const [finding] = (await call("GET", "/findings")).items.slice(-1);
  const [incident] = (await call("GET", "/incidents")).items.slice(-1);
  assert.deepEqual([finding.what, finding.camera], ["护栏缺失", "demo-2"]);
  assert.deepEqual([incident.event, incident.camera, incident.session], ["火情", "demo-2", finding.session]);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("whoever ends a session is named, with the reason, within a second", async () => {
  const page = await watching();
  await page.locator('[data-camera="demo-3"]').click();
  await giveWhy(page);
  await page.waitForFunction(() => document.querySelector('[data-tile="1"]').dataset.state === "playing");
  const security = await appliance.as("security_admin");
  // Sessions of pages that were closed a moment ago stay for a while: the newest is this one's.
  const session = (await security("GET", "/sessions")).items.filter((one) => one.camera === "demo-3").sort((a, b) => (a.id < b.id ? -1 : 1)).at(-1);
  await security("DELETE", `/sessions/${session.id}`, { reason: "与警情无关" });
  const asked = Date.now();
  await page.waitForFunction(() => document.querySelector('[data-tile="1"]').innerText.includes("与警情无关"), undefined, { timeout: 5_000 });
  const took = Date.now() - asked;
  const said = await tile(page, 1).innerText();
  assert.match(said, /收回/);
  assert.match(said, /操作人:\S/);
  assert.ok(took < 1_000, `said after ${took} ms`);
  await shot(page, "watch-ended");
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("a grant that is suspended ends its pictures, and asking again is refused with the article", async () => {
  const page = await watching({ language: "en" });
  await fourPlay(page);
  const approver = await appliance.as("bureau_approver");
  const grants = (await approver("GET", "/grants")).items.filter((one) => one.state_now === "active");
  const [session] = (await approver("GET", "/sessions")).items;
  const grant = grants.find((one) => one.id === session.grant);
  await approver("POST", `/grants/${grant.id}/suspend`, { reason: "under review" });
  const asked = Date.now();
  await page.waitForFunction(() => document.querySelectorAll("[data-state=ended]").length === 4, undefined, { timeout: 5_000 });
  assert.ok(Date.now() - asked < 1_000, `ended after ${Date.now() - asked} ms`);
  await page.waitForFunction(() => document.querySelector('[data-tile="4"]').innerText.includes("under review"));
  await tile(page, 2).locator("button", { hasText: "Ask again" }).click();
  await page.waitForFunction(() => document.querySelector('[data-tile="2"]').dataset.state === "denied");
  const said = await tile(page, 2).innerText();
  assert.match(said, /GRANT_SUSPENDED/);
  assert.match(said, /J-7/);
  await shot(page, "watch-refused");
  await page.context().close();
});
