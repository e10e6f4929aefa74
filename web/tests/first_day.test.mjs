// An account's first day: the password it was handed is changed, a second factor enrolled, a recovery code serves once.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Appliance, freshCode } from "./appliance.mjs";
import { launch, open, shot } from "./browser.mjs";

const HANDED = "handed over on paper 7";
const OWN = "chosen by its owner 42";
const USER = "audit-newcomer";

let [appliance, browser] = [];
before(async () => {
  [appliance, browser] = await Promise.all([Appliance.start(0), launch()]);
});
after(async () => {
  await browser?.close();
  await appliance?.stop();
});

/** Made by the security administrator, as a person's account is: to be changed at the first sign-in. */
async function newcomer() {
  const call = await appliance.as("security_admin");
  const { unit } = await call("GET", "/me");
  await call("POST", "/users", { user: USER, name: "新来的人", staff_no: "104217", unit, roles: ["audit_admin"], password: HANDED, state: "approved" });
}

async function enter(page, password, code) {
  await page.locator('input[autocomplete="username"]').fill(USER);
  await page.locator('input[autocomplete="current-password"]').fill(password);
  await page.locator('button[type="submit"]').click();
  if (code === undefined) return;
  const field = page.locator('input[autocomplete="one-time-code"]');
  await field.waitFor();
  await field.fill(code);
  await page.locator('button[type="submit"]').click();
}

/** Returns what was said at the edge of the page, once the sign-in form is back. */
async function changePassword(page) {
  const fields = page.locator('input[autocomplete="new-password"]');
  await fields.first().waitFor();
  await page.locator('input[autocomplete="current-password"]').fill(HANDED);
  await fields.first().fill(OWN);
  await fields.last().fill(`${OWN}!`);
  const submit = page.locator('button[type="submit"]');
  assert.ok(await submit.isDisabled(), "two different passwords are not sent");
  assert.match(await page.locator('.field [role="alert"]').innerText(), /不一致/);
  await shot(page, "first-day-password");
  await fields.last().fill(OWN);
  await submit.click();
  await page.locator('input[autocomplete="username"]').waitFor();
  return page.locator(".toasts").innerText();
}

/** Returns the recovery codes. */
async function enrol(page) {
  await page.locator('button[type="submit"]').click();
  const secret = (await page.locator("code.secret").innerText()).replace(/\s/g, "");
  await page.locator('input[autocomplete="one-time-code"]').fill(await freshCode(secret));
  await page.locator('button[type="submit"]').click();
  await page.locator("ul.codes").waitFor();
  const codes = await page.locator("ul.codes code").allInnerTexts();
  await page.locator("button.main").click();
  await page.locator("header.top").waitFor();
  return codes;
}

async function signOut(page) {
  await page.locator("header.top > button").last().click();
  await page.locator('input[autocomplete="username"]').waitFor();
}

test("a handed password is changed, a factor enrolled, and a recovery code serves once", async () => {
  await newcomer();
  const page = await open(browser, appliance);
  await enter(page, HANDED);
  assert.match(await changePassword(page), /重新登录/, "it says that one has to sign in again");
  await enter(page, OWN);
  const codes = await enrol(page);
  assert.ok(codes.length >= 8, `${codes.length} recovery codes`);
  await signOut(page);

  await enter(page, OWN, codes[0]);
  await page.locator("header.top").waitFor();
  await signOut(page);
  await enter(page, OWN, codes[0]);
  const refusal = page.locator(".refusal");
  await refusal.waitFor();
  assert.match(await refusal.innerText(), /已用过/);
  assert.match(await refusal.innerText(), /MFA_REQUIRED/);
  assert.equal(await page.locator("header.top").count(), 0);
  assert.deepEqual(page.faults, []);
});
