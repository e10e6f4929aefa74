// A duty officer's whole day, as one journey through the pages: signs in with a second factor, sees the rota, opens four cameras, is refused
// one with its article, plays back across a gap, files a finding, asks for an export; a principal endorses, the Bureau approves, a second
// person releases, and what is downloaded verifies.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Appliance, freshCode, SLUICE } from "./appliance.mjs";
import { launch, open, shot, signIn } from "./browser.mjs";
import { eventually, granted, makeGap, PATIENCE_MS, run } from "./scenes.mjs";

const DAY_MS = 86_400_000;
const BEHIND_GAP_MS = 12_000;

let [appliance, browser, gap] = [];
before(async () => {
  [appliance, browser] = await Promise.all([Appliance.start(4), launch()]);
  await standing();
  gap = await makeGap(appliance, "demo-2", BEHIND_GAP_MS);
});
after(async () => {
  await browser?.close();
  await appliance?.stop();
});

/** What others have done before: a shift, and a grant to export. */
async function standing() {
  const clerk = await appliance.as("unit_admin");
  const [officer] = (await clerk("GET", "/people?q=operator")).items;
  const now = Date.now();
  await clerk("POST", "/duty-shifts", { user: officer.id, from: new Date(now).toISOString(), to: new Date(now + DAY_MS / 3).toISOString(), post: "指挥中心" });
  await granted(appliance, { areas: ["济源"], verbs: ["export"] });
}

const to = (page, path) => page.evaluate((hash) => (location.hash = hash), `/${path}`);

/** Enrols in the account's page, signs out, and in again with a code. */
async function secondFactor(page) {
  await signIn(page, appliance, "operator");
  await page.locator(".who a").click();
  await page.locator(".actions button").last().click();
  const dialog = page.locator("dialog");
  await dialog.locator('button[type="submit"]').click();
  const secret = (await dialog.locator("code.secret").innerText()).replace(/\s/g, "");
  await dialog.locator('input[autocomplete="one-time-code"]').fill(await freshCode(secret));
  await dialog.locator('button[type="submit"]').click();
  await dialog.locator("ul.codes").waitFor();
  await dialog.locator("button.main").click();
  await page.locator("header.top").waitFor();
  await page.locator("header.top > button").last().click();
  await page.locator('input[autocomplete="username"]').waitFor();
  appliance.account("operator").otp_secret = secret;
  await signIn(page, appliance, "operator");
}

/** Four pictures on the wall; the fifth is refused. */
async function watch(page) {
  await to(page, "watch");
  await page.locator(".leaf").first().waitFor();
  await page.locator('[data-camera="demo-1"]').click();
  const dialog = page.locator("dialog");
  await dialog.locator("select").first().selectOption(appliance.demo.purpose);
  await dialog.locator("textarea").fill("学院路口交通疏导");
  await dialog.locator("button.main").click();
  for (const camera of ["demo-2", "demo-3", "demo-4"]) await page.locator(`[data-camera="${camera}"]`).click();
  await page.waitForFunction(() => document.querySelectorAll("[data-state=playing]").length === 4);
  await shot(page, "day-1-wall");
  const approver = await appliance.as("bureau_approver");
  const [session] = (await approver("GET", "/sessions")).items;
  await approver("POST", `/grants/${session.grant}/suspend`, { reason: "复核" });
  await page.waitForFunction(() => document.querySelectorAll("[data-state=ended]").length === 4);
  await page.locator('[data-tile="2"] button', { hasText: "重新" }).click();
  await page.waitForFunction(() => document.querySelector('[data-tile="2"]').dataset.state === "denied");
  // What is left is the grant to export: it covers the camera, and does not name watching.
  assert.match(await page.locator('[data-tile="2"]').innerText(), /VERB_NOT_GRANTED[\s\S]*J-7/);
  await shot(page, "day-2-refused");
  await approver("POST", `/grants/${session.grant}/resume`, { reason: "复核无误" });
}

/** Plays over the gap, files what is seen, asks for an export of it; the export's id. */
async function playBack(page) {
  await to(page, `playback?camera=demo-2&at=${new Date(gap.from - 4_000).toISOString()}`);
  await page.locator(".pb-tile").waitFor();
  await page.locator(".pb-play").click();
  await page.locator("dialog select").selectOption(appliance.demo.purpose);
  await page.locator("dialog textarea").fill("接警 2026-117");
  await page.locator("dialog button.main").click();
  const shown = async () => new Date((await page.locator(".pb-tile time").textContent()).replace(" ", "T")).getTime();
  await eventually("a picture behind the gap", async () => (await shown()) >= gap.to - 50);
  await shot(page, "day-3-behind-the-gap");
  await page.keyboard.press("k");
  await page.locator("#pb-tab-report").click();
  await page.locator("[role=tabpanel] textarea").fill("护栏缺失");
  await page.locator("[role=tabpanel] button.main").click();
  await shot(page, "day-4-finding");
  await page.locator("#pb-tab-export").click();
  const instant = page.locator(".pb-instant input");
  const clock = new Date((await instant.inputValue()).replace(" ", "T")).getTime();
  await page.locator(".pb-selected button").nth(0).click();
  await instant.fill(new Date(clock + 4_000).toLocaleString("sv"));
  await page.keyboard.press("Enter");
  await page.locator(".pb-selected button").nth(1).click();
  const form = page.locator("form.pb-form");
  await form.locator("input[type=text]").nth(0).fill("市人民检察院");
  await form.locator("input[type=text]").nth(1).fill("加密U盘 0012");
  await form.locator("button.main").click();
  const row = page.locator("[data-export]");
  await row.waitFor();
  return row.getAttribute("data-export");
}

/** One step of an export by another person, on its page. */
async function takes(role, id, step) {
  const page = await open(browser, appliance);
  await signIn(page, appliance, role);
  await to(page, `work/exports/${id}`);
  await page.locator(`[data-step="${step}"]`).waitFor();
  await page.getByLabel("意见或原因").fill("同意。");
  await shot(page, `day-5-${step}`);
  await page.locator(`[data-step="${step}"]`).click();
  await page.locator(`[data-step="${step}"]`).waitFor({ state: "detached" });
  assert.deepEqual(page.faults, [], role);
  await page.context().close();
}

test("a duty officer's day", async () => {
  const page = await open(browser, appliance);
  await secondFactor(page);
  await to(page, "work/register/duty-shifts");
  await page.locator(".rota [aria-current=date] a", { hasText: "指挥中心" }).waitFor();
  await shot(page, "day-0-rota");
  await watch(page);
  const id = await playBack(page);
  const operator = await appliance.as("operator");
  await eventually("the finding is filed", async () => (await operator("GET", "/findings")).items.some((one) => one.what.includes("护栏缺失")));

  await takes("unit_principal", id, "endorse");
  await takes("bureau_approver", id, "approve");
  await takes("export_officer", id, "release");
  await to(page, "playback");
  await page.locator("#pb-tab-exports").click();
  await page.locator('[data-stage="ready"]').waitFor({ timeout: PATIENCE_MS });
  await shot(page, "day-6-ready");
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("[data-export] button").click()]);
  const file = join(appliance.dir, download.suggestedFilename());
  await download.saveAs(file);
  const { stdout } = await run(SLUICE, ["verify-export", file, "--ledger-key", join(appliance.dir, "ledger/verifier.pub")]);
  assert.match(stdout, /proven.*video\.mp4/);
  assert.deepEqual(page.faults, []);
});
