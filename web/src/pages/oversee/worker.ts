// Starts the worker of the check with one order; what it tells is handed on.

import type { Order, Told } from "../../ledger/worker";

export function startWorker(order: Order, hear: (told: Told) => void): Worker {
  const worker = new Worker(new URL("../../ledger/worker.ts", import.meta.url), { type: "module" });
  worker.addEventListener("message", (event: MessageEvent<Told>) => hear(event.data));
  worker.addEventListener("error", (event) => hear({ failed: event.message || "worker" }));
  worker.postMessage(order);
  return worker;
}
