// Signing in, in both languages and themes: with a second factor, refused, and out again. The cookie is out of every script's reach.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Appliance } from "./appliance.mjs";
import { launch, open, shots, signIn } from "./browser.mjs";

let [appliance, browser] = [];
before(async () => {
  [appliance, browser] = await Promise.all([Appliance.start(0), launch()]);
});
after(async () => {
  await browser?.close();
  await appliance?.stop();
});

test("an operator signs in, is known, and signs out", async () => {
  const page = await open(browser, appliance);
  assert.equal(await page.getAttribute("html", "lang"), "zh-CN");
  await signIn(page, appliance, "operator");
  assert.equal(await page.evaluate(() => document.cookie), "", "no script reads the login");
  await page.locator(".who a").click();
  await page.locator("dl.facts").waitFor();
  await shots(page, "account");
  await page.locator("header.top > button").last().click();
  await page.locator('input[autocomplete="username"]').waitFor();
  assert.deepEqual(page.faults, []);
});

test("an administrator is asked for the second factor", async () => {
  const page = await open(browser, appliance, { language: "en", theme: "dark" });
  assert.equal(await page.getAttribute("html", "lang"), "en");
  await signIn(page, appliance, "audit_admin");
  assert.deepEqual(page.faults, []);
});

test("a wrong password is refused in the user's language", async () => {
  for (const [language, word] of [["zh", "密码"], ["en", "password"]]) {
    const page = await open(browser, appliance, { language });
    await page.locator('input[autocomplete="username"]').fill("operator");
    await page.locator('input[autocomplete="current-password"]').fill("not the password");
    await page.locator('button[type="submit"]').click();
    const refusal = page.locator(".refusal");
    await refusal.waitFor();
    assert.match(await refusal.innerText(), new RegExp(word, "i"));
    assert.match(await refusal.innerText(), /AUTH_REQUIRED/);
  }
  const page = await open(browser, appliance);
  await shots(page, "sign-in");
  assert.deepEqual(page.faults, []);
});
