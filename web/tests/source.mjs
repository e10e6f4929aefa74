// Loads a module of the console's source in Node, for the parts of it that need no browser.
import { build } from "esbuild";

/** The exports of `path`, relative to `web/src`. */
export async function source(path) {
  const entry = new URL(`../src/${path}`, import.meta.url).pathname;
  const built = await build({ entryPoints: [entry], bundle: true, write: false, format: "esm", logLevel: "error" });
  return import(`data:text/javascript;base64,${Buffer.from(built.outputFiles[0].contents).toString("base64")}`);
}
