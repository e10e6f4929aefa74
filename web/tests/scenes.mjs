// What several browser tests need to have happened before: a grant by the way of every grant, a gap in a recording.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

export const run = promisify(execFile);
export const PATIENCE_MS = 60_000;
const DAY_MS = 86_400_000;

export const sleep = (millis) => new Promise((done) => setTimeout(done, millis));

/** Asks until there is an answer. */
export async function eventually(what, ask) {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > until) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await sleep(200);
  }
}

/** Filed, endorsed, submitted, accepted, approved. */
export async function granted(appliance, terms) {
  const [from, to] = [-DAY_MS, DAY_MS].map((by) => new Date(Date.now() + by).toISOString());
  const form = {
    responsible_person: "张三",
    contact: "0391-1",
    narrative: "处置警情",
    terms: { purposes: [appliance.demo.purpose], valid_from: from, valid_to: to, ...terms },
  };
  const clerk = await appliance.as("unit_admin");
  const { id } = await clerk("POST", "/applications/resource", form);
  const hands = [["unit_principal", "endorse"], ["unit_admin", "submit"], ["bureau_approver", "accept"], ["bureau_approver", "approve"]];
  for (const [role, step] of hands) {
    await (await appliance.as(role))("POST", `/applications/resource/${id}/${step}`, { reason: "同意" });
  }
}

/** Takes a camera away for some seconds and waits until so much is recorded behind the gap. */
export async function makeGap(appliance, camera, behindMillis) {
  const [keeper, operator] = [await appliance.as("catalogue_admin"), await appliance.as("operator")];
  const { source } = await keeper("GET", `/cameras/${camera}`);
  const timeline = () => operator("GET", `/cameras/${camera}/timeline`);
  const length = (item) => Date.parse(item.end) - Date.parse(item.start);
  await eventually("something is recorded", async () => (await timeline()).items.some((item) => length(item) > 8_000));
  await keeper("PATCH", `/cameras/${camera}`, { source: "rtsp://127.0.0.1:9/none" });
  await eventually("a gap", async () => (await timeline()).gaps.some((one) => one.reason === "refused" && length(one) > 3_000));
  await keeper("PATCH", `/cameras/${camera}`, { source });
  const found = await eventually("what is behind the gap", async () => {
    const { items, gaps } = await timeline();
    const gap = gaps.find((each) => each.reason === "refused");
    return gap && items.some((item) => item.start >= gap.end && length(item) > behindMillis) && gap;
  });
  return { from: Date.parse(found.start), to: Date.parse(found.end) };
}
