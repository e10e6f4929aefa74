// The console's own modules in a test, without a browser.
import { createServer } from "vite";

/** Loads modules by their paths under web/, hands them to `use`, and ends the server that made them. */
export async function withModules(paths, use) {
  const root = new URL("..", import.meta.url).pathname;
  const server = await createServer({ root, logLevel: "error", server: { middlewareMode: true, hmr: false, watch: null }, optimizeDeps: { noDiscovery: true } });
  try {
    await use(...(await Promise.all(paths.map((path) => server.ssrLoadModule(path)))));
  } finally {
    await server.close();
  }
}
