// Beside each file of dist/ its compressed forms, so that the appliance compresses nothing itself.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/** Most that the whole console may weigh, every page included. */
const BYTES_MAX = 400_000;

const dist = new URL("../dist/", import.meta.url).pathname;
let sum = 0;
for (const name of readdirSync(dist, { recursive: true })) {
  if (!/\.(html|js|css|svg|json)$/.test(name)) continue;
  const path = join(dist, name);
  const bytes = readFileSync(path);
  const small = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  writeFileSync(`${path}.br`, small);
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  sum += small.length;
}
console.log(`console: ${(sum / 1000).toFixed(1)} kB compressed`);
if (sum > BYTES_MAX) {
  console.error(`the console must stay under ${BYTES_MAX / 1000} kB compressed: look what the last change brought in`);
  process.exit(1);
}
