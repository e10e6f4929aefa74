// The real appliance for a browser test: `sluice demo` in a folder of its own on ports of the kernel's choice, ended by its id.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createHmac } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const SLUICE = process.env.SLUICE ?? join(process.env.HOME ?? "/root", ".cache/sluice-target/release/sluice");
const START_MS = 120_000;

export class Appliance {
  /** Starts one with so many simulated cameras. `more` are further arguments. */
  static async start(cameras = 4, more = []) {
    const dir = await mkdtemp(join(tmpdir(), "sluice-browser-"));
    const child = spawn(SLUICE, ["demo", "--port-base", "0", "--cameras", String(cameras), "--data", dir, ...more], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const ready = new Promise((resolve, reject) => {
      let said = "";
      const timer = setTimeout(() => reject(new Error(`not ready: ${said}`)), START_MS);
      child.stdout.on("data", (bytes) => {
        said += bytes;
        if (!/^ready/m.test(said)) return;
        clearTimeout(timer);
        resolve();
      });
      child.once("exit", (code) => reject(new Error(`ended with ${code}: ${said}`)));
    });
    await ready;
    const demo = JSON.parse(await readFile(join(dir, "demo.json"), "utf8"));
    return new Appliance(dir, child, demo);
  }

  constructor(dir, child, demo) {
    Object.assign(this, { dir, child, demo, api: demo.api });
  }

  async stop() {
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 20_000);
    await gone;
    clearTimeout(timer);
    await rm(this.dir, { recursive: true, force: true });
  }

  account(role) {
    return this.demo.accounts[role];
  }

  /** A call of the API as that role, beside the browser. */
  async as(role) {
    const { user, password, otp_secret } = this.account(role);
    const said = otp_secret ? { user, password, otp: await freshCode(otp_secret) } : { user, password };
    const { token } = await this.call("POST", "/login", said);
    return (method, path, body) => this.call(method, path, body, token);
  }

  async call(method, path, body, token) {
    const headers = { "content-type": "application/json" };
    if (token) headers.authorization = `Bearer ${token}`;
    const answer = await fetch(`${this.api}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }
}

const STEP_MS = 30_000;
const used = new Map();

/** A code of a second factor that was not used yet: each serves once. */
export async function freshCode(secret) {
  // The demo enrolled with a code a moment ago: the present one may be used already.
  const last = used.get(secret) ?? Math.floor(Date.now() / STEP_MS);
  let step = Math.floor(Date.now() / STEP_MS);
  // The appliance takes the step before and the next one, too.
  while (step <= last && step <= Math.floor(Date.now() / STEP_MS) + 1) step++;
  while (step > Math.floor(Date.now() / STEP_MS) + 1) await new Promise((done) => setTimeout(done, 250));
  used.set(secret, step);
  return codeAt(secret, step);
}

function codeAt(secret, step) {
  const bits = [...secret.replace(/=+$/, "")].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", key).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}
