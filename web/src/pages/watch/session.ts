// A tile's session: opened with the wall's purpose, renewed when the user says so, ended when the tile is closed; and at its end, who
// ended it and why.

import { get, post, remove } from "../../api/client";
import type { Why } from "./ask";
import type { Camera } from "./catalogue";

export interface Opened {
  id: string;
  urls: { mse?: string | null; whep?: string | null };
  expires_at: string;
}

/** How a session ended, as far as it can be learnt. */
export interface Ending {
  reason: string;
  by?: string;
  why?: string;
}

interface Shown {
  state: "leased" | "active" | "closed";
  end_reason?: string | null;
  ended_by?: { name: string; reason: string } | null;
}

/** With as many tiles as this the smaller picture does, where the camera has one. */
const SUB_FROM = 9;

export function openSession(camera: Camera, why: Why, tiles: number): Promise<Opened> {
  const profile = camera.has_sub && tiles >= SUB_FROM ? "sub" : "main";
  const emergency = why.emergency ? { emergency: why.emergency } : {};
  return post<Opened>("/sessions", { camera: camera.id, verb: "live", purpose: why.purpose, reason: why.reason, profile, ...emergency });
}

/** Over already is as good. */
export async function endSession(id: string): Promise<void> {
  await remove(`/sessions/${encodeURIComponent(id)}`).catch(() => undefined);
}

export async function renewSession(id: string): Promise<string> {
  return (await post<{ expires_at: string }>(`/sessions/${encodeURIComponent(id)}/renew`)).expires_at;
}

/** Why it is over; null while it goes on. */
export async function endOf(id: string): Promise<string | null> {
  const shown = await get<Shown>(`/sessions/${encodeURIComponent(id)}`);
  return shown.state === "closed" ? (shown.end_reason ?? "network") : null;
}

/** The record of a session that just ended closes once the relay has told what was sent. */
const [CLOSES_MS, LOOKS_MAX] = [150, 10];

/** Whose hand ended it, and why. */
export async function endingOf(id: string, reason: string): Promise<Ending> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    const { state, ended_by: by } = await get<Shown>(`/sessions/${encodeURIComponent(id)}`);
    if (state === "closed") return by ? { reason, by: by.name, why: by.reason || undefined } : { reason };
    await new Promise((done) => setTimeout(done, CLOSES_MS));
  }
  return { reason };
}
