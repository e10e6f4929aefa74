// Playback: up to four cameras by one clock, over a timeline with gaps and holds; and from what is seen there an export, a hold, a
// finding or an incident.

import { useEffect, useMemo, useState } from "preact/hooks";
import { all, get } from "../../api/client";
import { may, useMe, type Role } from "../../api/me";
import { useRoute } from "../../router";
import { Refusal } from "../../ui/states";
import { toast } from "../../ui/toast";
import { language, useT } from "../../words";
import { call } from "./call";
import { Deck } from "./deck";
import { ExportForm } from "./ExportForm";
import { Exports } from "./Exports";
import { Gaps, Holds } from "./Kept";
import { Picker, type CameraRow } from "./Picker";
import "./playback.css";
import { reasonWords } from "./reasons";
import { Report } from "./Report";
import { emptyDraft, type Draft } from "./request";
import { stamp } from "./scale";
import { Tile } from "./Tile";
import { Timeline, type NamedRow } from "./Timeline";
import { Transport } from "./Transport";
import { WhyForm, type Purpose } from "./WhyForm";
import { words } from "./words";

/** Who may play; the others see what there is. */
const PLAYERS: Role[] = ["operator", "incident_commander"];
/** Who places holds. */
const HOLDERS: Role[] = ["unit_principal", "incident_commander", "bureau_approver", "operator"];

const PANELS = ["export", "exports", "gaps", "holds", "report"] as const;
type Panel = (typeof PANELS)[number];

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
  const [round, setRound] = useState(0);
  const plays = may(me, ...PLAYERS);
  const nameOf = (id: string) => cameras.find((camera) => camera.id === id)?.name ?? id;
  const toggle = () => {
    if (deck.clock.wanted) deck.pause();
    else if (plays && deck.cameras.length > 0 && !deck.play()) setAsking(true);
  };
  const filed = (word: string) => {
    toast(word);
    setRound((n) => n + 1);
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
      <aside class="pb-panel">
        <Tabs panel={panel} onPanel={(to) => (setPanel(to), setDrawing(false))} />
        <div role="tabpanel" id="pb-tabpanel" aria-labelledby={`pb-tab-${panel}`}>
          {panel === "export" && (
            <ExportForm
              {...{ deck, purposes, draft, setDraft, drawing, setDrawing }}
              onFiled={() => (setPanel("exports"), filed(t(words.requested)))}
            />
          )}
          {panel === "exports" && <Exports round={round} />}
          {panel === "gaps" && <Gaps deck={deck} nameOf={nameOf} />}
          {panel === "holds" && (
            <Holds
              deck={deck}
              nameOf={nameOf}
              mayPlace={may(me, ...HOLDERS)}
              onPlaced={() => filed(t(words.holdPlaced))}
            />
          )}
          {panel === "report" && (
            <Report
              deck={deck}
              nameOf={nameOf}
              onFiled={(what) => filed(t(what === "finding" ? words.findingFiled : words.incidentFiled))}
            />
          )}
        </div>
      </aside>
      <footer class="pb-foot">
        <Transport deck={deck} onPlay={toggle} mayPlay={plays} />
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
      </footer>
    </div>
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

function Tabs({ panel, onPanel }: { panel: Panel; onPanel(panel: Panel): void }) {
  const t = useT();
  const turn = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const next = PANELS[(PANELS.indexOf(panel) + by + PANELS.length) % PANELS.length] ?? panel;
    onPanel(next);
    document.getElementById(`pb-tab-${next}`)?.focus();
  };
  return (
    <div class="pb-tabs" role="tablist" onKeyDown={turn}>
      {PANELS.map((each) => (
        <button
          key={each}
          type="button"
          role="tab"
          id={`pb-tab-${each}`}
          aria-selected={each === panel}
          aria-controls="pb-tabpanel"
          tabIndex={each === panel ? 0 : -1}
          onClick={() => onPanel(each)}
        >
          {t(words[each])}
        </button>
      ))}
    </div>
  );
}

function rowsOf(deck: Deck, nameOf: (camera: string) => string, t: ReturnType<typeof useT>): NamedRow[] {
  return deck.cameras.map((camera) => {
    const coverage = deck.timelines.of(camera);
    return {
      camera,
      name: nameOf(camera),
      recorded: coverage.recorded(deck.view),
      gaps: coverage.gaps(deck.view).map((gap) => ({ ...gap, word: t(reasonWords(gap.reason)) })),
      held: deck.timelines.holds(camera).map((hold) => ({ from: Date.parse(hold.from), to: Date.parse(hold.to) })),
      focused: camera === deck.focus && deck.cameras.length > 1,
    };
  });
}

/** What a screen reader says of the instant. */
function spokenOf(deck: Deck, nameOf: (camera: string) => string, t: ReturnType<typeof useT>): string {
  const { at } = deck.clock;
  const parts = deck.cameras.map((camera) => {
    const instant = deck.timelines.of(camera).at(at);
    const word = instant.is === "gap" ? `${t(words.gap)} ${t(reasonWords(instant.gap.reason))}` : t(words[instant.is]);
    return `${nameOf(camera)} ${word}`;
  });
  return [stamp(at), ...parts].join(language() === "zh" ? ",": ", ");
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
