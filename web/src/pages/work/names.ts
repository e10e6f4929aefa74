// The names behind ids: units, cameras, purposes, people. Read once a sign-in, people as they come up; an id stands for itself
// until its name is known.

import { useEffect, useState } from "preact/hooks";
import * as api from "../../api/client";

/** A unit. */
export interface Unit {
  id: string;
  name: string;
  credit_code?: string | null;
  principal?: string | null;
  state: string;
  purposes: string[];
  areas: string[];
}

/** A camera of the catalogue. */
export interface Camera {
  id: string;
  name: string;
  location_name: string;
  camera_type: string;
  device_status: string;
  area?: string | null;
  owner?: string | null;
  security_level: number;
}

/** A purpose. */
export interface Purpose {
  code: string;
  article: string;
  zh: string;
  en: string;
  public_security: string;
  needs_narrative: boolean;
  in_force: boolean;
  mine: boolean;
}

/** A person. */
export interface Named {
  id: string;
  name: string;
  unit: string;
}

interface Page<T> {
  items: T[];
  next?: string | null;
}

/** Most pages of a list that is read whole: 10,000 cameras. */
const PAGES_MAX = 20;

async function whole<T>(path: string): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null | undefined = "";
  for (let page = 0; page < PAGES_MAX && cursor !== null && cursor !== undefined; page++) {
    const next: Page<T> = await api.get(`${path}?limit=500${cursor && `&cursor=${cursor}`}`);
    items.push(...next.items);
    cursor = next.next;
  }
  return items;
}

/** Something read once and shared; a failed read is tried again by the next who asks. */
function once<T>(read: () => Promise<T>) {
  let reading: Promise<T> | null = null;
  const shared = () => {
    reading ??= read().catch((error) => {
      reading = null;
      throw error;
    });
    return reading;
  };
  shared.forget = () => {
    reading = null;
  };
  return shared;
}

const units = once(() => whole<Unit>("/units"));
const cameras = once(() => whole<Camera>("/cameras"));
const purposes = once(async () => (await api.get<Page<Purpose>>("/purposes")).items);
const people = new Map<string, Named>();

/** Forgets everything: whoever signs in next may see something else. */
export function forgetNames(): void {
  [units, cameras, purposes].forEach((list) => list.forget());
  people.clear();
}

/** Those of a shared list, empty until it is read. A list that may not be read stays empty. */
function useShared<T>(shared: () => Promise<T[]>): T[] {
  const [items, set] = useState<T[]>([]);
  useEffect(() => {
    let wanted = true;
    shared().then(
      (read) => wanted && set(read),
      () => undefined,
    );
    return () => {
      wanted = false;
    };
  }, [shared]);
  return items;
}

/** All units. */
export const useUnits = () => useShared(units);
/** The cameras that one may see. */
export const useCameras = () => useShared(cameras);
/** The purposes. */
export const usePurposes = () => useShared(purposes);

/** The names of people by their ids. */
export function usePeople(ids: (string | null | undefined)[]): (id: string | null | undefined) => string {
  const [, seen] = useState(0);
  const missing = [...new Set(ids)].filter((id): id is string => !!id && !people.has(id)).slice(0, 200);
  const asked = missing.join(",");
  useEffect(() => {
    if (!asked) return;
    api.get<Page<Named>>(`/people?ids=${asked}`).then(
      ({ items }) => {
        asked.split(",").forEach((id) => people.set(id, { id, name: id, unit: "" }));
        items.forEach((person) => people.set(person.id, person));
        seen((count) => count + 1);
      },
      () => undefined,
    );
  }, [asked]);
  return (id) => (id ? (people.get(id)?.name ?? id) : "");
}

/** The people that a search finds. */
export async function findPeople(words: string): Promise<Named[]> {
  const { items } = await api.get<Page<Named>>(`/people?q=${encodeURIComponent(words)}`);
  items.forEach((person) => people.set(person.id, person));
  return items;
}

/** The name of a unit or a camera by its id. */
export function named(list: { id: string; name: string }[], id: string | null | undefined): string {
  return id ? (list.find((one) => one.id === id)?.name ?? id) : "";
}
