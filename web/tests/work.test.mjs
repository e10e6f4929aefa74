// Work in a browser, against the real appliance: an application from draft to grant by three people, what is printed of it, the
// statement that is signed, and the rota.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Appliance } from "./appliance.mjs";
import { SMOKE, launch, open, shot, shots, signIn } from "./browser.mjs";

let [appliance, browser] = [];
before(async () => {
  [appliance, browser] = await Promise.all([Appliance.start(2), launch()]);
});
after(async () => {
  await browser?.close();
  await appliance?.stop();
});

const DAY_MS = 86_400_000;

/** Signed in as that role, at that page. */
async function at(role, path, how) {
  const page = await open(browser, appliance, how);
  await signIn(page, appliance, role);
  // The frame goes to the first page by itself; only then is it told of another.
  await to(page, path);
  return page;
}

async function to(page, path) {
  await page.evaluate((hash) => (location.hash = hash), `/${path}`);
  await page.locator(".work-page").waitFor();
}

const stands = (page, state) => page.locator(`.page-head .tag:text-is("${state}")`).waitFor();
const take = (page, step) => page.locator(`[data-step="${step}"]`).click();

async function pickCamera(page, words) {
  const field = page.getByRole("combobox", { name: "摄像机" });
  await field.fill(words);
  await page.locator(".picker-list [role=option]").first().waitFor();
  await field.press("Enter");
  await field.press("Escape");
}

/** What a PDF says of itself: its pages and their sizes in points. */
function looked(pdf) {
  const text = pdf.toString("latin1");
  const sizes = [...text.matchAll(/\/MediaBox \[\s*0 0 ([\d.]+) ([\d.]+)\s*\]/g)].map(([, w, h]) => [Math.round(w), Math.round(h)]);
  return { pages: Number(/\/Type \/Pages[\s\S]*?\/Count (\d+)/.exec(text)?.[1]), sizes };
}

async function fillIn(page) {
  await page.getByRole("button", { name: "保存草稿" }).click();
  assert.ok((await page.locator(".field.wrong").count()) >= 5, "an empty form names what is missing");
  await page.getByLabel("责任人").fill("李建国");
  await page.getByLabel("联系方式").fill("0391-6630000");
  await page.getByLabel("统一社会信用代码").fill("91350100M000100Y34");
  assert.match(await page.locator(".field.wrong", { hasText: "统一社会信用代码" }).innerText(), /校验位/, "a slip shows as one types");
  await page.getByLabel("统一社会信用代码").fill("91350100M000100Y43");
  await pickCamera(page, "摄像机 2");
  await page.getByLabel(/GA-3/).check();
  await page.getByLabel("用途说明").fill("东环路交通秩序管理,处置交通事故。");
  assert.equal(await page.locator(".field.wrong").count(), 0, await page.locator(".field.wrong").allInnerTexts());
}

test("an application goes from draft to grant by three people, each on one page", async () => {
  const admin = await at("unit_admin", "work/applications/resource/new");
  await fillIn(admin);
  await shot(admin, "work-attachment-1-form");
  await admin.getByRole("button", { name: "保存草稿" }).click();
  await stands(admin, "草稿");
  const path = new URL(admin.url()).hash.slice(2);

  const principal = await at("unit_principal", "work/inbox");
  await principal.locator(`a[href$="${path}"]`).click();
  await principal.getByLabel("意见或原因").fill("情况属实,同意申请。");
  await take(principal, "endorse");
  await stands(principal, "单位已签署意见");

  await admin.reload();
  await take(admin, "submit");
  await stands(admin, "已提交审批");

  const bureau = await at("bureau_approver", path);
  await take(bureau, "accept");
  await bureau.locator('[data-step="approve"]').waitFor();
  await take(bureau, "refuse");
  assert.match(await bureau.locator(".decide .wrong").innerText(), /须填写原因/, "no refusal without a reason");
  await bureau.locator(".standing dd", { hasText: "demo-1" }).waitFor();
  const page = await bureau.locator(".work-page").innerText();
  for (const told of ["李建国", "模拟摄像机 2", "东环路交通秩序管理", "情况属实,同意申请。", "Demo unit_principal"]) {
    assert.ok(page.includes(told), `the approver is not told: ${told}`);
  }
  await bureau.getByLabel("意见或原因").fill("同意。");
  await take(bureau, "approve");
  await stands(bureau, "已授权");
  const grants = await (await appliance.as("bureau_approver"))("GET", "/grants?unit=gaj&state=active");
  assert.ok(grants.items.some((grant) => grant.terms.cameras?.includes("demo-2") && grant.terms.purposes.join() === "GA-3"));
  await printed(bureau);
  if (!SMOKE) await shots(bureau, "work-application");
  for (const one of [admin, principal, bureau]) assert.deepEqual(one.faults, []);
});

/** The official form alone, on one A4 page, numbered and signed. */
async function printed(page) {
  await page.emulateMedia({ media: "print" });
  for (const hidden of ["header.top", ".work-nav", ".page-head", "aside"]) assert.equal(await page.locator(hidden).first().isVisible(), false, hidden);
  const sheet = await page.locator(".official").innerText();
  for (const told of ["附件1", "济源示范区视频监控资源授权使用审批表", "签字(盖章): Demo bureau_approver", "批准:同意。"]) assert.ok(sheet.includes(told), `${told} in ${sheet}`);
  await shot(page, "work-attachment-1-print");
  const pdf = await page.pdf({ preferCSSPageSize: true, path: new URL("../shots/work-attachment-1.pdf", import.meta.url).pathname });
  assert.deepEqual(looked(pdf), { pages: 1, sizes: [[595, 842]] });
  await page.emulateMedia({ media: null });
}

test("a register prints across, its head again on each page", async () => {
  const api = await appliance.as("operator");
  for (let n = 0; n < 45; n++) await api("POST", "/duty-logs", { text: `第${n}次巡查,未见异常;东环路口灯具闪烁,已通知维护单位处理。` });
  const page = await at("operator", "work/register/duty-logs");
  await page.locator("table.rows tbody tr").nth(44).waitFor();
  assert.match(await page.locator("table.rows tbody tr").first().innerText(), /第44次/, "the newest first");
  const pdf = await page.pdf({ preferCSSPageSize: true, path: new URL("../shots/work-duty-log.pdf", import.meta.url).pathname });
  const { pages, sizes } = looked(pdf);
  assert.ok(pages >= 2, `${pages} pages`);
  assert.ok(sizes.every(([w, h]) => w === 842 && h === 595), JSON.stringify(sizes));
  assert.deepEqual(page.faults, []);
});

test("a new text leaves the unit unsigned until its principal has read and signed it", async () => {
  const bureau = await appliance.as("bureau_approver");
  const text = await bureau("POST", "/statement-texts", { signer: "unit", text_version: "2026-2", text: "第一条 谁使用,谁负责;谁管理,谁负责。\n第二条 不得翻拍、截图、传播。" });
  await bureau("POST", `/statement-texts/${text.id}/publish`, {});
  const page = await at("unit_principal", "work/statements");
  const sign = page.locator(".sign button");
  await sign.waitFor();
  assert.equal(await sign.isDisabled(), true, "nobody signs before they say that they read it");
  if (!SMOKE) await shots(page, "work-statement");
  await page.getByRole("checkbox").check();
  await sign.click();
  await page.locator(".statement-signed").waitFor();
  const { items } = await bureau("GET", "/unit-statements?unit=gaj&state=signed");
  assert.ok(items.some((one) => one.text_version === "2026-2"));
  assert.deepEqual(page.faults, []);
});

test("an operator sees the week's rota with themselves on it", async () => {
  const people = (await (await appliance.as("unit_admin"))("GET", "/people?q=operator")).items;
  const now = Date.now();
  const shift = { user: people[0].id, from: new Date(now).toISOString(), to: new Date(now + DAY_MS / 3).toISOString(), post: "指挥中心" };
  await (await appliance.as("unit_admin"))("POST", "/duty-shifts", shift);
  const page = await at("operator", "work/register/duty-shifts");
  await page.locator(".rota [aria-current=date] a", { hasText: "指挥中心" }).waitFor();
  if (!SMOKE) await shots(page, "work-rota");
  assert.deepEqual(page.faults, []);
});
