// Every register through its page, against the real appliance: one record is filed on the form that the API's description makes, and
// takes its first step by whoever may.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { registersOf } from "../tools/registers.mjs";
import { Appliance } from "./appliance.mjs";
import { SMOKE, launch, open, shots, signIn } from "./browser.mjs";

const registers = registersOf(JSON.parse(readFileSync(new URL("../../control-api/openapi.json", import.meta.url), "utf8")));

/** Who files, which step, who takes it, and what the form needs beside what any text does. The order matters: what suspends comes last. */
const CASES = [
  ["calendar-days", "bureau_approver", "remove", "bureau_approver", { date: "2027-01-01" }],
  ["disposal-plans", "unit_admin", "adopt", "unit_principal", {}],
  ["duty-logs", "operator", null, null, {}],
  ["duty-shifts", "unit_admin", "cancel", "unit_admin", { user: "operator" }],
  ["findings", "operator", "take_up", "unit_admin", { camera: "摄像机 2" }],
  ["incidents", "operator", "take_up", "unit_principal", { camera: "摄像机 1" }],
  ["point-reviews", "operator", "settle", "catalogue_admin", { camera: "摄像机 2" }],
  ["connection-points", "catalogue_admin", "connect", "catalogue_admin", { owner: "gaj", camera: "摄像机 1" }],
  ["police-filings", "catalogue_admin", "filed", "catalogue_admin", { receipt: "济公备2026-17" }],
  ["site-purposes", "bureau_approver", "repeal", "bureau_approver", { code: "GA-9", ps: "Y" }],
  ["training-records", "unit_admin", "revoke", "unit_admin", { user: "operator" }],
  ["staff-statements", "unit_admin", "countersign", "unit_principal", {}],
  ["unit-statements", "unit_principal", "revoke", "bureau_approver", {}],
  ["emergencies", "incident_commander", "confirm", "bureau_approver", { cameras: "摄像机 1" }],
  ["suspensions", "security_admin", "lift", "bureau_approver", { user: "incident" }],
  ["unit-suspensions", "bureau_approver", "lift", "bureau_approver", { suspended_unit: "slj" }],
  ["statement-texts", "bureau_approver", "publish", "bureau_approver", { signer: "unit" }],
  ["network-zones", "security_admin", "remove", "security_admin", { cidr: "127.0.0.0/8" }],
  ["terminals", "security_admin", "suspend", "security_admin", { address: "127.0.0.9", at_unit: "slj" }],
];

let [appliance, browser] = [];
const pages = new Map();
before(async () => {
  [appliance, browser] = await Promise.all([Appliance.start(2), launch()]);
});
after(async () => {
  await browser?.close();
  await appliance?.stop();
});

/** One browser for each role, signed in once. */
async function at(role, path) {
  if (!pages.has(role)) {
    pages.set(role, await open(browser, appliance));
    await signIn(pages.get(role), appliance, role);
    // The frame goes to the first page by itself; only then is it told of another.
  }
  const page = pages.get(role);
  await page.evaluate((hash) => (location.hash = hash), `/${path}`);
  return page;
}

async function fill(page, { kind, required }, place, given) {
  const input = place.locator("input, select, textarea").first();
  if (["camera", "cameras", "person"].includes(kind)) {
    if (!given) return;
    await input.fill(given);
    await page.locator(".picker-list [role=option]", { hasText: given }).first().waitFor();
    await input.press("Enter");
  } else if (["unit", "choice", "text_version"].includes(kind)) {
    await input.locator("option").nth(1).waitFor({ state: "attached" });
    await input.selectOption(given ?? { index: 1 });
  } else if (["line", "prose", "date"].includes(kind) && (given || required)) {
    await input.fill(given ?? "例行登记");
  }
}

async function file(register, role, given) {
  const page = await at(role, `work/register/${register.name}/new`);
  await page.locator(".work-form .fields").waitFor();
  const places = page.locator(".work-form .fields > .field");
  for (const [index, field] of register.fields.entries()) await fill(page, field, places.nth(index), given[field.name]);
  await page.locator(".work-form .actions button.main").click();
  await page.locator(".record, .refusal, .wrong").first().waitFor();
  assert.deepEqual(await page.locator(".refusal, .wrong").allInnerTexts(), [], register.name);
  return new URL(page.url()).hash.split("/").pop();
}

/** Pictures in all languages and themes, and back to where the next test goes on. */
async function pictures(page, name) {
  await shots(page, name);
  await page.evaluate(() => {
    localStorage.setItem("sluice-language", "zh");
    localStorage.setItem("sluice-theme", "light");
  });
  await page.reload();
  await page.locator("header.top").waitFor();
}

test("every register of the description is looked at", () => {
  assert.deepEqual(CASES.map(([name]) => name).sort(), registers.map(({ name }) => name).sort());
});

for (const [name, filer, step, stepper, given] of SMOKE ? CASES.slice(0, 5) : CASES) {
  test(`${name}: a record is filed and ${step ?? "stays"}`, async () => {
    const register = registers.find((one) => one.name === name);
    const id = await file(register, filer, given);
    if (step) {
      const page = await at(stepper, `work/register/${name}/${id}`);
      await page.getByLabel("意见或原因").fill("经核实,按规定办理。");
      await page.locator(`[data-step="${step}"]`).click();
      await page.locator(".history li q", { hasText: "经核实" }).waitFor();
      assert.deepEqual(page.faults, []);
    }
    const page = await at(filer, `work/register/${name}`);
    await page.locator(`table.rows a[href$="${id}"], .refusal`).first().waitFor();
    assert.deepEqual(await page.locator(".refusal").allInnerTexts(), []);
    assert.deepEqual(page.faults, []);
    if (!SMOKE) await pictures(page, `work-register-${name}`);
  });
}
