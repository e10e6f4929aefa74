// The check beside the page, so that the page stays quick. It downloads from where the page came from, never from the browser's
// store: what was good once proves nothing of what is there now.

import { check, type Report, type Seen } from "./check";
import { prove, type Proved } from "./inclusion";
import type { Both } from "../words";

export type Order = { check: { key: string; seen: Seen | null } } | { prove: { key: string; index: number } };
export type Told = { progress: { done: number; of: number } } | { report: Report } | { proved: Proved | Both } | { failed: string };

async function fetchFile(path: string): Promise<Uint8Array> {
  const answer = await fetch(`/api/v1/ledger/${path}`, { cache: "no-store", credentials: "same-origin", headers: { "x-sluice-console": "1" } });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

const tell = (told: Told) => postMessage(told);

async function carryOut(order: Order): Promise<void> {
  try {
    if ("check" in order) tell({ report: await check(fetchFile, order.check.key, order.check.seen, (done, of) => tell({ progress: { done, of } })) });
    else tell({ proved: await prove(fetchFile, order.prove.key, order.prove.index) });
  } catch (error) {
    tell({ failed: error instanceof Error ? error.message : String(error) });
  }
}

addEventListener("message", (event: MessageEvent<Order>) => void carryOut(event.data));
