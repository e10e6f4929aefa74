// A camera on a tile: its session and its picture, from asking for it to its end. The tile draws what this says.

import { useEffect, useRef, useState } from "preact/hooks";

import { useMe, type Me } from "../../api/me";
import { Live, type LiveState } from "../../player/live";
import { hiddenVideo, Surface } from "../../player/surface";
import type { Why } from "./ask";
import type { Camera } from "./catalogue";
import { applianceNow } from "./clock";
import { endingOf, endOf, endSession, openSession, type Ending, type Opened } from "./session";

/** How a tile stands. */
export type TileState = { kind: "opening" } | { kind: "denied"; refused: unknown } | LiveState;

export interface Tile {
  state: TileState;
  ending: Ending | undefined;
  opened: Opened | undefined;
  surface: { current: Surface | undefined };
}

/** What the mark of this viewer says now. */
export function markOf(me: Me): { unit: string; name: string; staffEnd: string; terminal: string; now: Date } {
  return { unit: me.unit_name, name: me.name, staffEnd: me.staff_no_end, terminal: me.terminal, now: applianceNow() };
}

/** Shows `camera` in `place`; anew where `attempt` changes. */
export function useTile(place: { current: HTMLDivElement | null }, camera: Camera, why: Why, options: { tiles: number; attempt: number; sound: boolean; label: string }): Tile {
  const me = useMe();
  const [state, set] = useState<TileState>({ kind: "opening" });
  const [opened, setOpened] = useState<Opened>();
  const [ending, setEnding] = useState<Ending>();
  const surface = useRef<Surface>();
  const tiles = useRef(options.tiles);
  tiles.current = options.tiles;

  useEffect(() => {
    let wanted = true;
    let mine: Opened | undefined;
    set({ kind: "opening" });
    setEnding(undefined);
    openSession(camera, why, tiles.current).then(
      (session) => {
        mine = session;
        if (wanted) setOpened(session);
        else void endSession(session.id);
      },
      (refused: unknown) => wanted && set({ kind: "denied", refused }),
    );
    return () => {
      wanted = false;
      setOpened(undefined);
      if (mine) void endSession(mine.id);
    };
  }, [camera.id, why, options.attempt]);

  useEffect(() => {
    const container = place.current;
    if (!opened || !container) return;
    const video = hiddenVideo();
    const fullScreen = container.closest<HTMLElement>(".tile");
    surface.current = new Surface(container, video, { mark: () => markOf(me), fullScreen, label: options.label });
    const say = (to: LiveState) => {
      set(to);
      if (to.kind === "ended") void tell(opened.id, to.reason, setEnding);
    };
    const live = new Live(video, { urls: opened.urls, say, endOf: () => endOf(opened.id), sound: options.sound });
    return () => {
      live.close();
      surface.current?.close();
      surface.current = undefined;
    };
  }, [opened, options.sound, me]);

  return { state, ending, opened, surface };
}

/** The reason is shown at once, who and why as soon as it is known. */
async function tell(id: string, reason: string, set: (ending: Ending) => void): Promise<void> {
  set({ reason });
  await endingOf(id, reason).then(set, () => undefined);
}
