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
  grant?: string | null;
  closed_at?: string | null;
  end_reason?: string | null;
  ended_by?: string | null;
  ended_because?: string | null;
}

interface Grant {
  history: { at: string; by?: string | null; to: string; reason?: string | null }[];
}

/** A change of the grant within this of the end is what ended it. */
const SAME_MOMENT_MS = 10_000;
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

/** Who ended it and why: the session says, or the grant's history where its change took the session with it. */
export async function endingOf(id: string, reason: string): Promise<Ending> {
  const shown = await get<Shown>(`/sessions/${encodeURIComponent(id)}`);
  if (shown.ended_by) return { reason, by: shown.ended_by, why: shown.ended_because ?? undefined };
  if (!shown.grant || (reason !== "revoked" && reason !== "suspended")) return { reason };
  const { history } = await get<Grant>(`/grants/${encodeURIComponent(shown.grant)}`);
  const last = history.filter((line) => line.to === reason).at(-1);
  const ended = Date.parse(shown.closed_at ?? "") || Date.now();
  if (!last?.by || Math.abs(Date.parse(last.at) - ended) > SAME_MOMENT_MS) return { reason };
  return { reason, by: last.by, why: last.reason ?? undefined };
}
