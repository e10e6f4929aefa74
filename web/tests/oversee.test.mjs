// Overseeing and operating: who watches now and the end of it, every report, the ledger checked by the browser against the auditor's own
// key and against a changed byte, cameras, metrics and log.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Appliance } from "./appliance.mjs";
import { EXECUTABLE, FLAGS, launch, open, shots, signIn, SMOKE } from "./browser.mjs";

let [appliance, browser] = [];
before(async () => {
  [appliance, browser] = await Promise.all([Appliance.start(2), launch()]);
});
after(async () => {
  await browser?.close();
  await appliance?.stop();
});

const at = (page, path) => page.goto(`${appliance.api}/#/${path}`);

test("the Bureau sees who watches and ends it with a reason", async () => {
  const operator = await appliance.as("operator");
  const { cameras, purpose } = appliance.demo;
  const session = await operator("POST", "/sessions", { camera: cameras[0], verb: "live", purpose, reason: "a look" });
  const page = await open(browser, appliance, { language: "en" });
  await signIn(page, appliance, "bureau_approver");
  await at(page, "oversee/now");
  const row = page.locator("table.rows tbody tr", { hasText: cameras[0] });
  await row.waitFor();
  if (!SMOKE) await shots(page, "oversee-now");
  await at(page, "oversee/now");
  await row.locator("button").click();
  await page.locator("dialog textarea").fill("test of the console");
  await page.locator("dialog button.danger").click();
  await row.waitFor({ state: "detached" });
  const ended = await operator("GET", `/sessions/${session.id}`);
  assert.equal(ended.state, "closed");
  assert.deepEqual(page.faults, []);
});

test("every report opens, and comes as a file", async () => {
  const page = await open(browser, appliance);
  await signIn(page, appliance, "bureau_approver");
  await at(page, "oversee/reports");
  await page.locator("nav.list a").first().waitFor();
  const links = await page.locator("nav.list a").evaluateAll((all) => all.map((one) => one.getAttribute("href")));
  assert.ok(links.length >= 14, `${links.length}`);
  for (const link of SMOKE ? links.slice(0, 3) : links) {
    await page.goto(`${appliance.api}/${link}`);
    await page.locator(".report h2").waitFor();
    await page.locator(".report .table-wrap, .report .empty, .report .refusal").first().waitFor();
    assert.equal(await page.locator(".report .refusal").count(), 0, link);
  }
  const [file] = await Promise.all([page.waitForEvent("download"), page.locator('a.button[download$=".csv"]').click()]);
  assert.match(file.suggestedFilename(), /\.csv$/);
  await shots(page, "oversee-report");
  assert.deepEqual(page.faults, []);
});

test("the ledger is checked in the browser, and a changed byte is named", async () => {
  const page = await open(browser, appliance);
  await signIn(page, appliance, "audit_admin");
  await at(page, "oversee/ledger");
  await page.locator("dl.facts").waitFor();
  // The auditor's own key: what the appliance wrote beside its log when it was made.
  const { readFile } = await import("node:fs/promises");
  const key = (await readFile(`${appliance.dir}/ledger/verifier.pub`, "utf8")).trim();
  const check = async (say) => {
    await page.locator(".check input").fill(say);
    await page.locator(".check button").click();
    const told = page.locator(".check .verified, .check .refusal");
    await told.waitFor({ timeout: 60_000 });
    return told;
  };
  assert.match(await (await check(key)).innerText(), /全部 \d+ 条/);
  await shots(page, "oversee-ledger");
  await at(page, "oversee/ledger");

  const other = key.replace(/.{4}$/, "AAA=");
  assert.match(await (await check(other)).innerText(), /公钥|key/);
  await page.reload();
  await page.locator("dl.facts").waitFor();
  await page.context().route(/ledger\/tile\/entries\//, async (route) => {
    const answer = await route.fetch();
    const body = await answer.body();
    // Within the tenth entry: lengths stand before each.
    let place = 0;
    for (let entry = 0; entry < 10; entry++) place += 2 + body.readUInt16BE(place);
    body[place + 20] ^= 1;
    await route.fulfill({ response: answer, body });
  });
  const told = await check(key);
  assert.equal(await told.getAttribute("data-entry"), "10");
  assert.match(await told.innerText(), /第 10 条|entry 10/);
  await page.context().unroute(/ledger\/tile\/entries\//);

  // A hash in place of an entry: the tile is what was altered, and the signed root tells.
  await page.context().route(/ledger\/tile\/0\//, async (route) => {
    const answer = await route.fetch();
    const body = await answer.body();
    body[5 * 32 + 1] ^= 1;
    await route.fulfill({ response: answer, body });
  });
  await page.reload();
  await page.locator("dl.facts").waitFor();
  const tile = await check(key);
  assert.equal(await tile.getAttribute("data-entry"), "5");
  assert.match(await tile.getAttribute("data-file"), /^tile\/0\//);
  await page.context().unroute(/ledger\/tile\/0\//);

  await page.reload();
  await page.locator("dl.facts").waitFor();
  assert.match(await (await check(key)).innerText(), /校验过的前 \d+ 条未变|first \d+ entries are as they were/, "what the first check saw still stands");
  await page.locator(".prove input").fill("7");
  await page.locator(".prove button").click();
  assert.match(await page.locator(".prove .proved").innerText(), /第 7 条|Entry 7 is under/);
  assert.deepEqual(page.faults, []);
});

test("the ledger is checked on a page that came without TLS, where the browser hashes nothing", async () => {
  const { readFile } = await import("node:fs/promises");
  const { chromium } = await import("playwright-core");
  const plain = await chromium.launch({ executablePath: EXECUTABLE, args: [...FLAGS, "--host-resolver-rules=MAP appliance.test 127.0.0.1"] });
  try {
    const page = await plain.newPage();
    await page.goto(appliance.api.replace("127.0.0.1", "appliance.test"));
    assert.equal(await page.evaluate(() => isSecureContext), false);
    await signIn(page, appliance, "audit_admin");
    await page.evaluate(() => (location.hash = "/oversee/ledger"));
    await page.locator(".check input").fill((await readFile(`${appliance.dir}/ledger/verifier.pub`, "utf8")).trim());
    await page.locator(".check button").click();
    await page.locator(".check .verified").waitFor({ timeout: 60_000 });
  } finally {
    await plain.close();
  }
});

test("the rules in force name their articles", async () => {
  const page = await open(browser, appliance, { language: "en", theme: "dark" });
  await signIn(page, appliance, "security_admin");
  await at(page, "oversee/policy");
  await page.locator("code", { hasText: "NO_GRANT" }).first().waitFor();
  if (!SMOKE) await shots(page, "oversee-policy");
  assert.deepEqual(page.faults, []);
});

test("the operator of the appliance sees cameras, metrics and log", async () => {
  const page = await open(browser, appliance);
  await signIn(page, appliance, "system_admin");
  await at(page, "operate/metrics");
  await page.locator(".chart strong").first().waitFor();
  await page.locator("code", { hasText: "sluice_core_busy_ratio" }).first().waitFor();
  await shots(page, "operate-metrics");
  await at(page, "operate/log");
  await page.locator("pre.log", { hasText: "serving" }).waitFor();
  if (!SMOKE) await shots(page, "operate-log");
  assert.deepEqual(page.faults, []);
  const keeper = await open(browser, appliance);
  await signIn(keeper, appliance, "catalogue_admin");
  await at(keeper, "operate/cameras");
  await keeper.locator("table.rows tbody tr").first().waitFor();
  assert.equal(await keeper.locator("table.rows tbody tr").count(), 2);
  await shots(keeper, "operate-cameras");
  assert.deepEqual(keeper.faults, []);
});
