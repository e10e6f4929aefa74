// Watch: the catalogue on the left, a wall of pictures beside it. Purpose and reason are asked once for the wall; each picture is a
// session of its own.

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";

import { refusalOf } from "../../api/client";
import { toast } from "../../ui/toast";
import { Tag } from "../../ui/states";
import { span, useT, when } from "../../words";
import { AskWhy, type Why } from "./ask";
import { readCatalogue, type Camera, type Catalogue } from "./catalogue";
import { applianceNow, lookAtClock } from "./clock";
import { Finder } from "./finder";
import { SeenDialog, type Seen } from "./seen";
import { renewSession } from "./session";
import { CameraTile, EmptyTile } from "./tile";
import "./watch.css";
import { useWall, SIZES, type Wall } from "./wall";
import { w } from "./words";

/** The catalogue's states are asked for again so often. */
const CATALOGUE_MS = 15_000;
/** A session that is over within this is called out. */
const SOON_S = 60;

type Leases = Record<number, { id: string; expires_at: string }>;

export default function Watch() {
  const [catalogue, refused] = useCatalogue();
  const wall = useWall();
  const [why, setWhy] = useState<Why | null>(null);
  const [asking, setAsking] = useState<{ camera?: string; at?: number } | null>(null);
  const [seen, setSeen] = useState<Seen | null>(null);
  const [leases, setLeases] = useState<Leases>({});
  const cameras = useMemo(() => new Map(catalogue?.cameras.map((camera) => [camera.id, camera])), [catalogue]);
  const put = (camera: string, at = wall.chosen) => (why ? wall.put(camera, at) : setAsking({ camera, at }));
  const onSession = useCallback((at: number, lease: Leases[number] | null) => {
    setLeases(({ [at]: _was, ...others }) => (lease ? { ...others, [at]: lease } : others));
  }, []);
  const onWhy = (given: Why) => {
    setWhy(given);
    if (asking?.camera) wall.put(asking.camera, asking.at ?? wall.chosen);
    setAsking(null);
  };
  return (
    <div class="watch">
      <aside>
        <Finder catalogue={catalogue} refused={refused} shown={new Set(wall.shown.filter((id) => id !== null))} onPick={(camera) => put(camera.id)} />
      </aside>
      <div class="watch-main">
        <Bar wall={wall} why={why} leases={leases} onLeases={setLeases} onChange={() => setAsking({})} />
        <Tiles wall={wall} cameras={cameras} why={why} onDrop={put} onSeen={setSeen} onSession={onSession} />
      </div>
      {asking && <AskWhy was={why} onClose={() => setAsking(null)} onDone={onWhy} />}
      {seen && <SeenDialog of={seen} onClose={() => setSeen(null)} />}
    </div>
  );
}

function useCatalogue(): [Catalogue | undefined, unknown] {
  const [state, set] = useState<{ catalogue?: Catalogue; refused?: unknown }>({});
  useEffect(() => {
    const read = () =>
      readCatalogue().then(
        (catalogue) => set({ catalogue }),
        (refused: unknown) => set((was) => (was.catalogue ? was : { refused })),
      );
    void read();
    lookAtClock().catch(() => undefined);
    const timer = setInterval(() => document.visibilityState === "visible" && void read(), CATALOGUE_MS);
    return () => clearInterval(timer);
  }, []);
  return [state.catalogue, state.refused];
}

interface TilesProps {
  wall: Wall;
  cameras: Map<string, Camera>;
  why: Why | null;
  onDrop: (camera: string, at: number) => void;
  onSeen: (seen: Seen) => void;
  onSession: (at: number, lease: Leases[number] | null) => void;
}

function Tiles({ wall, cameras, why, onDrop, onSeen, onSession }: TilesProps) {
  const t = useT();
  // The catalogue is read anew every so often; a camera that has left it stays on its tile until it is closed.
  const known = useRef(new Map<string, Camera>());
  cameras.forEach((camera, id) => known.current.set(id, camera));
  return (
    <div class="wall" data-size={wall.size} id="wall" aria-label={t(w.wall)} role="group">
      {wall.shown.map((id, at) => {
        const around = { number: at + 1, chosen: at === wall.chosen, onChoose: () => wall.choose(at), onDrop: (camera: string) => onDrop(camera, at) };
        const camera = id === null ? undefined : known.current.get(id);
        if (!camera || !why) return <EmptyTile key={`empty-${at}`} {...around} />;
        return (
          <CameraTile
            key={`${camera.id}-${at}`}
            camera={camera}
            why={why}
            tiles={wall.size}
            onClose={() => wall.clear(at)}
            onSeen={onSeen}
            onSession={(lease) => onSession(at, lease)}
            {...around}
          />
        );
      })}
    </div>
  );
}

function Bar({ wall, why, leases, onLeases, onChange }: { wall: Wall; why: Why | null; leases: Leases; onLeases: (leases: Leases) => void; onChange: () => void }) {
  const t = useT();
  return (
    <div class="watch-bar">
      <span class="choices" role="group" aria-label={t(w.size)}>
        {SIZES.map((size) => (
          <button type="button" key={size} aria-pressed={size === wall.size} onClick={() => wall.resize(size)}>
            {size}
          </button>
        ))}
      </span>
      <button type="button" onClick={() => void document.getElementById("wall")?.requestFullscreen().catch(() => undefined)}>
        {t(w.fullWall)}
      </button>
      {why && (
        <span class="why" title={why.reason}>
          <strong>{why.purposeName}</strong> <span class="quiet">{why.reason}</span>
        </span>
      )}
      {why && (
        <button type="button" class="plain" onClick={onChange}>
          {t(w.change)}
        </button>
      )}
      <Left leases={leases} onLeases={onLeases} />
    </div>
  );
}

/** What is left of the session that is over first, and more of it for all. */
function Left({ leases, onLeases }: { leases: Leases; onLeases: (leases: Leases) => void }) {
  const t = useT();
  const [, tick] = useState(0);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 1_000);
    return () => clearInterval(timer);
  }, []);
  const ends = Object.values(leases).map((lease) => Date.parse(lease.expires_at));
  const left = Math.max(0, (Math.min(...ends) - applianceNow().getTime()) / 1_000);
  const soon = ends.length > 0 && left < SOON_S;
  useEffect(() => {
    if (soon) toast(t(w.soon), true);
  }, [soon]);
  if (ends.length === 0) return null;
  const renew = async () => {
    setBusy(true);
    onLeases(await renewAll(leases, (message) => toast(t(message), true)));
    setBusy(false);
  };
  return (
    <span class="left">
      <Tag tone={soon ? "bad" : "quiet"}>{t(w.left, { time: span(left) })}</Tag>
      <button type="button" data-act="renew" disabled={busy} onClick={() => void renew()}>
        {t(w.renew)}
      </button>
    </span>
  );

  async function renewAll(of: Leases, refused: (message: { zh: string; en: string }) => void): Promise<Leases> {
    const renewed = { ...of };
    for (const [at, lease] of Object.entries(of)) {
      try {
        renewed[Number(at)] = { id: lease.id, expires_at: await renewSession(lease.id) };
      } catch (error) {
        refused(refusalOf(error).message);
      }
    }
    const first = Object.values(renewed).map((lease) => lease.expires_at).sort()[0];
    if (first) toast(t(w.renewed, { time: when(first) }));
    return renewed;
  }
}
