// How the console is built: into dist/, which the binary embeds. `npm run dev` serves it from here and hands API calls to a running
// appliance: SLUICE_API=http://127.0.0.1:8080 npm run dev
import { defineConfig } from "vite";

import { registers } from "./tools/registers.mjs";

declare const process: { env: Record<string, string | undefined> };
const api = process.env["SLUICE_API"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "/",
  plugins: [registers()],
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: {
    target: "es2022",
    assetsDir: "assets",
    // The content security policy allows no data: scripts and no inline ones.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: { proxy: { "/api": api, "^/s/": { target: api, ws: true }, "/healthz": api, "/openapi.json": api } },
});
