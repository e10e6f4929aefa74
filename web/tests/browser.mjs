// Debian's Chromium, driven by playwright-core: sign in, look, take pictures of pages.
import { existsSync, mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

import { freshCode } from "./appliance.mjs";

export const EXECUTABLE = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/snap/bin/chromium"].find(existsSync);
export const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"];
const SHOTS = new URL("../shots/", import.meta.url).pathname;

/** True in `make test`: a look at each page, not everything. */
export const SMOKE = process.env.SMOKE === "1";

export async function launch() {
  return chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
}

/** A page of a browser of its own, with that language and theme, on which nothing may go wrong unnoticed. */
export async function open(browser, appliance, { language = "zh", theme = "light", size = { width: 1440, height: 900 } } = {}) {
  const context = await browser.newContext({ viewport: size, colorScheme: theme, locale: language === "zh" ? "zh-CN" : "en-GB", acceptDownloads: true });
  await context.addInitScript(([l, t]) => {
    if (!localStorage.getItem("sluice-language")) localStorage.setItem("sluice-language", l);
    if (!localStorage.getItem("sluice-theme")) localStorage.setItem("sluice-theme", t);
  }, [language, theme]);
  const page = await context.newPage();
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("console", (message) => {
    // A refused call shows up here, too; those are looked at where they matter.
    if (message.type() === "error" && !/status of (4|5)\d\d/.test(message.text())) page.faults.push(message.text());
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (/^(https?|wss?):$/.test(url.protocol) && url.hostname !== "127.0.0.1") page.faults.push(`a request to ${url.hostname}`);
  });
  await page.goto(appliance.api);
  return page;
}

/** Signs in with a demo account, its second factor included. */
export async function signIn(page, appliance, role) {
  const { user, password, otp_secret } = appliance.account(role);
  await page.locator('input[autocomplete="username"]').fill(user);
  await page.locator('input[autocomplete="current-password"]').fill(password);
  await page.locator('button[type="submit"]').click();
  if (otp_secret) {
    const code = page.locator('input[autocomplete="one-time-code"]');
    await code.waitFor();
    await code.fill(await freshCode(otp_secret));
    await page.locator('button[type="submit"]').click();
  }
  await page.locator("header.top").waitFor();
  // The page one lands on: who went elsewhere before it would be sent back.
  await page.waitForURL(/#\/.+/);
}

/** A picture for people to look at, in web/shots. */
export async function shot(page, name) {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: `${SHOTS}${name}.png` });
}

/** The page in both languages and both themes. */
export async function shots(page, name) {
  for (const theme of ["light", "dark"]) {
    for (const language of ["zh", "en"]) {
      await page.evaluate(([l, t]) => {
        localStorage.setItem("sluice-language", l);
        localStorage.setItem("sluice-theme", t);
      }, [language, theme]);
      await page.reload();
      await page.locator("header.top, .entry").first().waitFor();
      await page.waitForLoadState("networkidle", { timeout: 2_000 }).catch(() => undefined);
      await shot(page, `${name}-${theme}-${language}`);
    }
  }
}
