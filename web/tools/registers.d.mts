import type { Plugin } from "vite";

import type { Register } from "../src/registers/rules";

/** All registers of an OpenAPI description, in its order. */
export function registersOf(document: unknown): Register[];
/** For Vite: `virtual:registers` is all of them. */
export function registers(): Plugin;
