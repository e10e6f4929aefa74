// The check beside the page, which stays at hand meanwhile.

import { Faulty, readCheckpoint, readKey, verifyLog, type Fault } from "./verify";

export type Told = { progress: number; of: number } | { verified: number; root: string } | { fault: Fault };

const say = (told: Told) => postMessage(told);

async function fetchBytes(path: string): Promise<Uint8Array> {
  const answer = await fetch(`/api/v1${path}`, { credentials: "same-origin", headers: { "x-sluice-console": "1" }, cache: "no-store" });
  if (!answer.ok) throw new Faulty({ what: "unreachable", detail: `${answer.status} ${path}` });
  return new Uint8Array(await answer.arrayBuffer());
}

addEventListener("message", (event: MessageEvent<{ key: string }>) => void check(event.data.key));

async function check(text: string): Promise<void> {
  try {
    const key = await readKey(text);
    const note = new TextDecoder().decode(await fetchBytes("/ledger/checkpoint"));
    const head = await readCheckpoint(note, key);
    await verifyLog(head, fetchBytes, (progress) => say({ progress, of: head.size }));
    say({ verified: head.size, root: head.root });
  } catch (error) {
    say({ fault: error instanceof Faulty ? error.fault : { what: "unreachable", detail: String(error) } });
  }
}
