// Playback: up to four cameras by one clock, over a timeline with gaps and holds; and from what is seen there an export, a hold, a
// finding or an incident.

import { useEffect, useMemo, useState } from "preact/hooks";
import { all, get } from "../../api/client";
import { may, useMe, type Role } from "../../api/me";
import { useRoute } from "../../router";
import { Refusal } from "../../ui/states";
import { useT } from "../../words";
import { call } from "./call";
import { Deck } from "./deck";
import { Picker, type CameraRow } from "./Picker";
import "./playback.css";
import { emptyDraft, type Draft } from "./request";
import { rowsOf, spokenOf } from "./rows";
import { Side, type Panel } from "./Side";
import { Tile } from "./Tile";
import { Timeline } from "./Timeline";
import { Transport } from "./Transport";
import { WhyForm, type Purpose } from "./WhyForm";
import { words } from "./words";

/** Who may play; the others see what there is. */
const PLAYERS: Role[] = ["operator", "incident_commander"];
export default function Playback() {
  const t = useT();
  const me = useMe();
  const deck = useDeck();
  const { cameras, purposes, refusal } = useRegister();
  useAddress(deck, cameras);
  const [asking, setAsking] = useState(false);
  const [panel, setPanel] = useState<Panel>("export");
  const [draft, setDraft] = useState<Draft>(emptyDraft("", ""));
  const [drawing, setDrawing] = useState(false);
  const plays = may(me, ...PLAYERS);
  const nameOf = (id: string) => cameras.find((camera) => camera.id === id)?.name ?? id;
  const toggle = () => {
    if (deck.clock.wanted) deck.pause();
    else if (plays && deck.cameras.length > 0 && !deck.play()) setAsking(true);
  };
  const show = (to: Panel) => {
    setPanel(to);
    setDrawing(false);
  };
  const chosen = deck.cameras.flatMap((id) => cameras.find((camera) => camera.id === id) ?? []);
  const regions = panel === "export" ? { regions: draft.redact, add: drawing ? add : null } : null;
  function add(region: Draft["redact"][number]) {
    setDraft({ ...draft, redact: [...draft.redact, region] });
  }
  return (
    <div class="pb-page" onKeyDown={(event) => onPageKey(event, deck, toggle)}>
      <h1 class="unseen">{t(words.title)}</h1>
      <Picker cameras={cameras} chosen={deck.cameras} onChoose={(ids) => deck.choose(ids)} />
      <section class={`pb-wall has-${chosen.length}`} aria-label={t(words.title)}>
        <Refusal of={refusal} />
        <Refusal of={deck.trouble} />
        {chosen.length === 0 && <p class="pb-empty">{t(words.choose)}</p>}
        {chosen.map((camera) => (
          <Tile key={camera.id} deck={deck} camera={camera} drawing={camera.id === deck.focus ? regions : null} />
        ))}
        {asking && (
          <WhyForm
            purposes={purposes}
            why={deck.why}
            onCancel={() => setAsking(false)}
            onGive={(why) => {
              deck.why = why;
              setDraft({ ...draft, ...why });
              setAsking(false);
              deck.play();
            }}
          />
        )}
      </section>
      <Side {...{ deck, purposes, nameOf, panel, draft, setDraft, drawing, setDrawing }} setPanel={show} />
      <footer class="pb-foot">
        <Transport deck={deck} onPlay={toggle} mayPlay={plays} />
        <Time deck={deck} nameOf={nameOf} />
      </footer>
    </div>
  );
}

/** The timeline over the machine. */
function Time({ deck, nameOf }: { deck: Deck; nameOf(camera: string): string }) {
  const t = useT();
  return (
    <Timeline
      view={deck.view}
      at={deck.clock.at}
      now={deck.wall()}
      rows={rowsOf(deck, nameOf, t)}
      selection={deck.selection}
      label={t(words.timeline)}
      help={t(words.timelineHelp)}
      nowWord={t(words.now)}
      spoken={spokenOf(deck, nameOf, t)}
      on={{
        seek: (at) => deck.seek(at),
        moveBy: (share) => deck.moveBy(share),
        toEnd: (end) => deck.seek(deck.view[end]),
        zoom: (factor) => deck.zoom(factor),
        setView: (view) => deck.setView(view),
        select: (selection) => deck.select(selection),
        mark: (end) => deck.mark(end),
      }}
    />
  );
}

/** The machine of this page, for as long as the page is there. */
function useDeck(): Deck {
  const deck = useMemo(() => new Deck(call), []);
  const [, redraw] = useState(0);
  useEffect(() => {
    const silence = deck.listen(() => redraw((n) => n + 1));
    deck.start();
    return () => {
      silence();
      deck.stop();
    };
  }, [deck]);
  return deck;
}

/** The cameras that one may see, and the purposes that one may name. */
function useRegister(): { cameras: CameraRow[]; purposes: Purpose[]; refusal: unknown } {
  const [cameras, setCameras] = useState<CameraRow[]>([]);
  const [purposes, setPurposes] = useState<Purpose[]>([]);
  const [refusal, setRefusal] = useState<unknown>(null);
  useEffect(() => {
    all<CameraRow>("/cameras?limit=500").then(setCameras, setRefusal);
    get<{ items: Purpose[] }>("/purposes?mine=true").then((list) => setPurposes(list.items), setRefusal);
  }, []);
  return { cameras, purposes, refusal };
}

/** Other pages lead here: `#/playback?camera=ID&camera=ID&at=2026-11-27T00:23:12Z`. */
function useAddress(deck: Deck, cameras: readonly CameraRow[]): void {
  const { query } = useRoute();
  const asked = query.toString();
  useEffect(() => {
    const known = query.getAll("camera").filter((id) => cameras.some((camera) => camera.id === id));
    if (known.length > 0) deck.choose(known);
    const at = Date.parse(query.get("at") ?? "");
    if (!Number.isNaN(at)) deck.seek(at);
  }, [asked, cameras]);
}

/** The player's keys, wherever on the page; not where somebody types, nor what a button means by them. */
function onPageKey(event: KeyboardEvent, deck: Deck, toggle: () => void): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (target.closest("input:not([type=checkbox]), textarea, select")) return;
  if (event.key === " " && target.closest("button, input")) return;
  const actions: Record<string, () => void> = {
    " ": toggle,
    k: toggle,
    ",": () => deck.step(-1),
    ".": () => deck.step(1),
    j: () => deck.seek(deck.clock.at - 10_000),
    l: () => deck.seek(deck.clock.at + 10_000),
    "<": () => deck.speed(-1),
    ">": () => deck.speed(1),
    n: () => deck.jump(1),
    p: () => deck.jump(-1),
    m: () => deck.setSound(!deck.sound),
  };
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}
