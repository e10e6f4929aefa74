// One tile of the wall: the picture, what is said over it, and what can be done with it.

import { useEffect, useRef, useState } from "preact/hooks";

import { ENDINGS, UNKNOWN_END } from "../../player/words";
import { Refusal } from "../../ui/states";
import { useT } from "../../words";
import type { Why } from "./ask";
import type { Camera } from "./catalogue";
import { useTile, type Tile, type TileState } from "./live_tile";
import type { Seen } from "./seen";
import type { Ending } from "./session";
import { w } from "./words";

interface Around {
  number: number;
  chosen: boolean;
  onChoose: () => void;
  onDrop: (camera: string) => void;
}

/** What a tile may be asked to do, and what it tells. */
interface Doings {
  tiles: number;
  onClose: () => void;
  onSeen: (seen: Seen) => void;
  /** Its session and when that is over; none once it is. */
  onSession: (session: { id: string; expires_at: string } | null) => void;
}

export function EmptyTile({ number, ...around }: Around) {
  const t = useT();
  return (
    <Place number={number} name={t(w.empty)} {...around}>
      <p class="tile-empty">{t(w.emptyUse)}</p>
    </Place>
  );
}

export function CameraTile({ camera, why, tiles, onClose, onSeen, onSession, ...around }: Around & Doings & { camera: Camera; why: Why }) {
  const t = useT();
  const stage = useRef<HTMLDivElement>(null);
  const [attempt, setAttempt] = useState(0);
  const [sound, setSound] = useState(false);
  const label = t(w.picture, { name: camera.name });
  const tile = useTile(stage, camera, why, { tiles, attempt, sound, label });
  const { state, opened } = tile;
  const over = state.kind === "ended" || state.kind === "refused" || state.kind === "denied";
  useEffect(() => {
    onSession(opened && !over ? { id: opened.id, expires_at: opened.expires_at } : null);
  }, [opened, over]);
  useEffect(() => () => onSession(null), []);
  const onKeyDown = (event: KeyboardEvent) => {
    // A button within has its own keys; the picture's are for the tile itself.
    if (event.target !== event.currentTarget) return;
    if (event.key === "Delete") onClose();
    else tile.surface.current?.handleKey(event);
  };
  const seen = (kind: Seen["kind"]) => opened && onSeen({ kind, camera: camera.id, name: camera.name, session: opened.id });
  return (
    <Place name={camera.name} {...around} onKeyDown={onKeyDown} state={state.kind}>
      <div class="stage" ref={stage} />
      <header class="tile-head">
        <span class={`dot ${state.kind}`} aria-hidden="true" />
        <span class="tile-name">{camera.name}</span>
        <span class="tile-place">{camera.location_name}</span>
        {opened && <Tools tile={tile} sound={sound} onSound={() => setSound((was) => !was)} over={over} onSeen={seen} />}
        <button type="button" class="plain" aria-label={`${t(w.close)}:${camera.name}`} title={t(w.close)} onClick={onClose}>
          ×
        </button>
      </header>
      <Said state={state} ending={tile.ending} onAgain={() => setAttempt((n) => n + 1)} />
    </Place>
  );
}

type PlaceProps = Around & { name: string; state?: string; onKeyDown?: (event: KeyboardEvent) => void; children: preact.ComponentChildren };

/** Where a tile lies: it can be chosen, and a camera can be dropped on it. */
function Place({ number, name, state = "empty", chosen, onChoose, onDrop, onKeyDown, children }: PlaceProps) {
  const t = useT();
  const [over, setOver] = useState(false);
  return (
    <section
      class={`tile${chosen ? " chosen" : ""}${over ? " over" : ""}`}
      data-tile={number}
      data-state={state}
      tabIndex={0}
      aria-label={t(w.tile, { number, name })}
      aria-current={chosen ? "true" : undefined}
      onFocusIn={onChoose}
      onPointerDown={onChoose}
      onKeyDown={onKeyDown}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        const camera = event.dataTransfer?.getData("text/x-sluice-camera");
        if (camera) onDrop(camera);
      }}
    >
      {children}
    </section>
  );
}

/** What is said over the picture, or in its place. */
function Said({ state, ending, onAgain }: { state: TileState; ending: Ending | undefined; onAgain: () => void }) {
  const t = useT();
  if (state.kind === "playing") return null;
  if (state.kind === "opening" || state.kind === "connecting" || state.kind === "stalled") {
    const word = { opening: w.opening, connecting: w.waiting, stalled: w.stalled }[state.kind];
    return (
      <p class="tile-said waiting" role="status">
        {t(word)}
      </p>
    );
  }
  return (
    <div class="tile-said over" role="alert">
      {state.kind === "denied" && <Refusal of={state.refused} />}
      {state.kind === "refused" && <p>{t(state.message)}</p>}
      {state.kind === "ended" && <Ended ending={ending ?? { reason: state.reason }} />}
      <button type="button" onClick={onAgain}>
        {t(w.again)}
      </button>
    </div>
  );
}

function Ended({ ending }: { ending: Ending }) {
  const t = useT();
  return (
    <div class="ended">
      <p>
        <strong>{t(ENDINGS[ending.reason] ?? UNKNOWN_END, { reason: ending.reason })}</strong>
      </p>
      {ending.by && <p>{t(w.endedBy, { by: ending.by })}</p>}
      {ending.why && <p>{t(w.endedWhy, { why: ending.why })}</p>}
    </div>
  );
}

/** Drawn with a line of 1.5 in a square of 16. */
const ICONS = {
  finding: "M3 2v12M3 3h9l-2 3 2 3H3",
  incident: "M8 2 15 14H1ZM8 6.5v3.5M8 11.6v.8",
  "zoom-in": "M7 3a4 4 0 1 0 .01 0ZM10 10l4 4M7 5v4M5 7h4",
  "zoom-out": "M7 3a4 4 0 1 0 .01 0ZM10 10l4 4M5 7h4",
  sound: "M2 6h2.5L8 3v10L4.5 10H2ZM10.5 6a3 3 0 0 1 0 4M12.5 4a6 6 0 0 1 0 8",
  "sound-off": "M2 6h2.5L8 3v10L4.5 10H2ZM10.5 6l4 4M14.5 6l-4 4",
  full: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
} as const;

/** What can be done with a picture. */
function Tools({ tile, sound, over, onSound, onSeen }: { tile: Tile; sound: boolean; over: boolean; onSound: () => void; onSeen: (kind: Seen["kind"]) => void }) {
  const t = useT();
  const surface = tile.surface;
  const full = () => surface.current && void fullScreen(surface.current);
  const view: [keyof typeof ICONS, string, () => void][] = [
    ["zoom-in", t(w.zoomIn), () => surface.current?.zoom(1.5)],
    ["zoom-out", t(w.zoomOut), () => surface.current?.zoom(1 / 1.5)],
    [sound ? "sound-off" : "sound", t(sound ? w.soundOff : w.soundOn), onSound],
    ["full", t(w.full), full],
  ];
  const filed: [keyof typeof ICONS, string, () => void][] = [
    ["finding", t(w.finding), () => onSeen("finding")],
    ["incident", t(w.incident), () => onSeen("incident")],
  ];
  return (
    <span class="tools">
      {[...filed, ...(over ? [] : view)].map(([icon, name, act]) => (
        <button type="button" class="plain" key={icon} data-act={icon} aria-label={name} title={name} onClick={act}>
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d={ICONS[icon]} />
          </svg>
        </button>
      ))}
    </span>
  );
}

/** A browser may refuse it, as where the page is within a frame; the picture goes on in its tile then. */
async function fullScreen(surface: { toggleFullScreen: () => Promise<void> }): Promise<void> {
  await surface.toggleFullScreen().catch(() => undefined);
}
