// The catalogue and the accounts in a browser: a camera enrolled, changed, compared and taken out; a file with a faulty row refused row by
// row; an account disabled and let in again.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Appliance } from "./appliance.mjs";
import { launch, open, shot, shots, signIn, SMOKE } from "./browser.mjs";

let [appliance, browser] = [];
before(async () => {
  [appliance, browser] = await Promise.all([Appliance.start(2), launch()]);
});
after(async () => {
  await browser?.close();
  await appliance?.stop();
});

async function at(role, path, how) {
  const page = await open(browser, appliance, how);
  await signIn(page, appliance, role);
  await page.goto(`${appliance.api}/#/${path}`);
  return page;
}

const CAMERA = {
  "Id": "gate-9",
  "Name": "东门 9 号",
  "Address of the main stream": "rtsp://127.0.0.1:9/gate",
  "Resource category": "治安",
  "Location": "东环路 9 号",
  "Camera type": "球机",
  "Construction unit": "建设单位甲",
  "Maintenance unit": "维护单位乙",
  "Contact": "0391-6630009",
};

test("the keeper of the catalogue enrols, changes, compares and takes out a camera", async () => {
  const page = await at("catalogue_admin", "operate/catalogue", { language: "en" });
  await page.locator("table.rows tbody tr").nth(1).waitFor();
  if (!SMOKE) await shots(page, "operate-catalogue");
  await page.goto(`${appliance.api}/#/operate/catalogue`);
  await page.evaluate(() => localStorage.setItem("sluice-language", "en"));
  await page.reload();
  await page.getByRole("button", { name: "Enrol a camera" }).click();
  const dialog = page.locator("dialog");
  const field = (name) => dialog.getByLabel(new RegExp(`^${name}`)).first();
  await field("Address of the main stream").fill("http://not-a-camera");
  await field("Address of the main stream").blur();
  assert.match(await dialog.locator(".field.wrong").first().innerText(), /rtsp:\/\//, "a slip shows as one types");
  assert.equal(await dialog.locator('button[type="submit"]').isDisabled(), true);
  for (const [name, value] of Object.entries(CAMERA)) await field(name).fill(value);
  await dialog.locator('button[type="submit"]').click();
  const row = page.locator("table.rows tbody tr", { hasText: "gate-9" });
  await row.waitFor();

  await row.getByRole("button").click();
  await field("Location").fill("东环路 10 号");
  await dialog.locator('button[type="submit"]').click();
  await page.locator("table.rows tbody tr", { hasText: "东环路 10 号" }).waitFor();

  await row.getByRole("link").click();
  await page.getByRole("button", { name: /^Compare.*2$/ }).click();
  const differs = dialog.locator("tbody tr");
  await differs.first().waitFor();
  assert.match((await differs.allInnerTexts()).join(), /东环路 9 号\s+东环路 10 号/);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });

  await page.locator("button.danger").click();
  await dialog.locator("input").fill("gate-9");
  await dialog.locator("button.danger").click();
  await page.locator("table.rows tbody tr").first().waitFor();
  assert.equal(await page.locator("table.rows tbody tr", { hasText: "gate-9" }).count(), 0);
  assert.deepEqual(page.faults, []);
});

test("a file with a faulty row is refused, and the row is named", async () => {
  const page = await at("catalogue_admin", "operate/catalogue");
  await page.locator("table.rows tbody tr").first().waitFor();
  const keeper = await appliance.as("catalogue_admin");
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "导出CSV" }).click()]);
  const { readFile } = await import("node:fs/promises");
  const csv = await readFile(await file.path(), "utf8");
  const rows = csv.trimEnd().split(/\r?\n/);
  const faulty = [...rows.slice(0, -1), rows.at(-1).replace(/rtsp:\/\/[^,]*/, "http://nowhere")].join("\n");
  await page.locator('input[type="file"]').setInputFiles({ name: "cameras.csv", mimeType: "text/csv", buffer: Buffer.from(faulty) });
  const refusal = page.locator(".refusal");
  await refusal.waitFor();
  assert.match(await refusal.locator("li").first().innerText(), new RegExp(`第 ${rows.length} 行`));
  await shot(page, "operate-catalogue-refused");
  assert.equal((await keeper("GET", "/cameras")).items.length, 2, "nothing of it was taken");
  assert.deepEqual(page.faults, []);
});

test("the security administrator disables an account, and lets it in again", async () => {
  const page = await at("security_admin", "operate/accounts", { language: "en", theme: "dark" });
  const row = page.locator("table.rows tbody tr", { hasText: appliance.account("operator").user });
  await row.first().waitFor();
  if (!SMOKE) await shots(page, "operate-accounts");
  await page.evaluate(() => localStorage.setItem("sluice-language", "en"));
  await page.reload();
  const operator = await appliance.as("operator");
  const set = async (state) => {
    await row.first().getByRole("link").click();
    const dialog = page.locator("dialog");
    await dialog.locator("select").selectOption(state);
    await dialog.locator("button.main").click();
    await page.locator(".toasts p").last().waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  };
  await set("disabled");
  await assert.rejects(operator("GET", "/me"), /401/, "its sign-in ended at once");
  await set("approved");
  await appliance.as("operator");
  assert.deepEqual(page.faults, []);
});
