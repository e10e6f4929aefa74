// The check of the ledger that runs in the browser, without a browser: whole logs of many sizes, and every kind of damage, each named
// by its place.
import assert from "node:assert/strict";
import { test } from "node:test";

import { logOf } from "./ledger_log.mjs";
import { withModules } from "./modules.mjs";

const MODULES = ["/src/ledger/check.ts", "/src/ledger/inclusion.ts", "/src/ledger/note.ts"];
const reading = (files) => async (path) => {
  const bytes = files.get(path);
  if (!bytes) throw new Error(`no ${path}`);
  return new Uint8Array(bytes);
};
const flipped = (log, path, at) => {
  const files = new Map(log.files);
  const bytes = Buffer.from(files.get(path));
  bytes[at] ^= 1;
  return { ...log, files: files.set(path, bytes) };
};

test("a whole log is found whole at every size", async () => {
  await withModules(MODULES, async ({ check }) => {
    for (const size of [0, 1, 2, 255, 256, 257, 511, 700, 70_000]) {
      const log = logOf(size);
      let last = [0, 0];
      const report = await check(reading(log.files), log.key, null, (...progress) => (last = progress));
      assert.deepEqual(report.findings, [], `size ${size}`);
      assert.deepEqual([report.size, report.entries, report.root], [size, size, log.root]);
      if (size) assert.deepEqual(last, [size, size], "the progress comes to its end");
    }
  });
});

test("a byte that is flipped anywhere is named by file and entry", async () => {
  await withModules(MODULES, async ({ check }) => {
    const log = logOf(700);
    for (const [path, at, file, entry, word] of [
      ["tile/entries/001", 2 + 10, "tile/entries/001", 256, /entry was altered/],
      ["tile/0/001", 5 * 32 + 3, "tile/0/001", 256 + 5, /tile was altered/],
      ["tile/1/000.p/2", 32, "tile/1/000.p/2", 256, /upper hash/],
      ["tile/entries/002.p/188", 2 + 4, "tile/entries/002.p/188", 512, /do not agree/],
      ["checkpoint", 12, "checkpoint", undefined, /signature|by another|Not the text/],
    ]) {
      const { findings } = await check(reading(flipped(log, path, at).files), log.key, null, () => {});
      const found = findings.find((one) => one.file === file && one.entry === entry);
      assert.ok(found && word.test(found.what.en), `${path}: ${JSON.stringify(findings)}`);
    }
    const short = logOf(9);
    const altered = await check(reading(flipped(short, "tile/entries/000.p/9", 5).files), short.key, null, () => {});
    assert.match(altered.findings[0].what.en, /entry was altered/, "the signed root tells where the log is one tile");
    const wrong = await check(reading(flipped(short, "tile/0/000.p/9", 3 * 32).files), short.key, null, () => {});
    assert.deepEqual([wrong.findings[0].file, wrong.findings[0].entry], ["tile/0/000.p/9", 3]);
    const longer = await check(reading(flipped(log, "tile/entries/000", 1).files), log.key, null, () => {});
    assert.equal(longer.findings[0].file, "tile/entries/000");
    const gone = new Map(log.files);
    gone.delete("tile/entries/000");
    const { findings } = await check(reading(gone), log.key, null, () => {});
    assert.match(findings[0].what.en, /Cannot be read/);
  });
});

test("a log rewritten whole is caught by the key or by what was seen before", async () => {
  await withModules(MODULES, async ({ check }) => {
    const [log, other] = [logOf(600), logOf(600)];
    const forged = await check(reading(other.files), log.key, null, () => {});
    assert.match(forged.findings[0].what.en, /by another log or key/);
    const rewritten = new Map(logOf(600, "test-log", "logout").files).set("checkpoint", log.files.get("checkpoint"));
    const { findings } = await check(reading(rewritten), log.key, null, () => {});
    assert.match(findings[0].what.en, /not the one that was signed/);
    const seen = { size: 300, root: "00".repeat(32), at: "2026-01-01T00:00:00Z" };
    const differs = await check(reading(log.files), log.key, seen, () => {});
    assert.match(differs.findings[0].what.en, /no longer begins/);
    const stands = await check(reading(log.files), log.key, { ...seen, root: logOf(300).root }, () => {});
    assert.deepEqual([stands.findings, stands.seen.stands], [[], true]);
    const shorter = await check(reading(log.files), log.key, { ...seen, size: 601 }, () => {});
    assert.match(shorter.findings[0].what.en, /shorter/);
  });
});

test("a key that is no key is refused with what is wrong with it", async () => {
  await withModules(MODULES, async (_, __, { readKey, isKey }) => {
    const { key } = logOf(1);
    assert.ok(isKey(readKey(` ${key}\n`)), "as it is pasted");
    const slip = key.replace(/\+(.)/, (_, c) => `+${c === "0" ? "1" : "0"}`);
    assert.match(readKey(slip).en, /slip/);
    for (const text of ["", "a+b", `${key}=`, key.slice(0, -4)]) assert.match(readKey(text).en, /Not a verifier key|slip/, text);
  });
});

test("an entry is proved to be under the signed root, and another in its place is not", async () => {
  await withModules(MODULES, async (_, { prove }) => {
    for (const size of [1, 5, 256, 257, 700, 66_000]) {
      const log = logOf(size);
      for (const index of new Set([0, 1, Math.floor(size / 2), size - 1])) {
        if (index >= size) continue;
        const proved = await prove(reading(log.files), log.key, index);
        assert.equal(proved.holds, true, `${index} of ${size}`);
        assert.equal(JSON.parse(proved.entry).n, index);
      }
      assert.match((await prove(reading(log.files), log.key, size)).en, /no such entry/);
    }
    const log = logOf(700);
    const proved = await prove(reading(flipped(log, "tile/entries/001", 12).files), log.key, 256);
    assert.equal(proved.holds, false);
  });
});
