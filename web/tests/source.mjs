// Loads a module of the console's source in Node, for the parts of it that need no browser and import nothing but types.
import { readFile } from "node:fs/promises";
import { transformWithEsbuild } from "vite";

/** The exports of `path`, relative to `web/src`. */
export async function source(path) {
  const file = new URL(`../src/${path}`, import.meta.url).pathname;
  const { code } = await transformWithEsbuild(await readFile(file, "utf8"), file, { sourcemap: false });
  return import(`data:text/javascript;base64,${Buffer.from(code).toString("base64")}`);
}
