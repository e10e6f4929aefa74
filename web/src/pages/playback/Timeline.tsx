// The timeline: a slider over time, by wheel, pointer and keys, its value spoken. What it shows is `paint`'s; what happens, the page's.

import { useEffect, useRef, type MutableRef } from "preact/hooks";
import type { Span } from "./coverage";
import { heightOf, paint, type Palette, type Row } from "./paint";
import { instantAt, moved, zoomed } from "./scale";

/** What happens on it. Keys come faster than pages are drawn, so what they do is told relative to what is then the case. */
export interface TimelineEvents {
  seek(at: number): void;
  /** By a share of what is in view. */
  moveBy(share: number): void;
  toEnd(end: "from" | "to"): void;
  /** Around the clock. */
  zoom(factor: number): void;
  setView(view: Span): void;
  select(selection: Span | null): void;
  /** The clock's instant becomes an end of the selection. */
  mark(end: "from" | "to"): void;
}

/** A row, and whose it is. */
export interface NamedRow extends Row {
  camera: string;
  name: string;
  /** The one that steps and sounds. */
  focused: boolean;
}

interface Props {
  view: Span;
  at: number;
  now: number;
  rows: NamedRow[];
  selection: Span | null;
  label: string;
  help: string;
  nowWord: string;
  /** What is said of the instant: date, time, whether it is recorded. */
  spoken: string;
  on: TimelineEvents;
}

/** One notch of a wheel, or one press of a key. */
const ZOOM = 1.3;
/** What the arrow keys move by, as a share of the view; with Shift by a tenth of that. */
const KEY_SHARE = 0.02;

export function Timeline(props: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => draw(canvas.current, props));
  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const again = new ResizeObserver(() => draw(element, props));
    again.observe(element);
    return () => again.disconnect();
  });
  const { down, move, up, cancel, wheel } = usePointer(canvas, props);
  return (
    <div class="pb-timeline">
      <ul class="pb-names" aria-hidden="true">
        {props.rows.map((row) => (
          <li key={row.camera} class={row.focused ? "is-focused" : ""} title={row.name}>
            {row.name}
          </li>
        ))}
      </ul>
      <div
        class="pb-scale"
        role="slider"
        tabIndex={0}
        aria-label={props.label}
        aria-orientation="horizontal"
        aria-valuemin={Math.round(props.view.from / 1000)}
        aria-valuemax={Math.round(props.view.to / 1000)}
        aria-valuenow={Math.round(props.at / 1000)}
        aria-valuetext={props.spoken}
        aria-describedby="pb-timeline-help"
        onKeyDown={(event) => onKey(event, props.on)}
      >
        <canvas
          ref={canvas}
          style={{ height: `${heightOf(props.rows.length)}px` }}
          onPointerDown={down}
          onPointerMove={move}
          onPointerUp={up}
          onPointerCancel={cancel}
          onWheel={wheel}
        />
      </div>
      <p id="pb-timeline-help" class="unseen">
        {props.help}
      </p>
    </div>
  );
}

/** A click seeks, a drag moves what is in view, with Shift it selects; the wheel zooms where the pointer is. */
function usePointer(canvas: MutableRef<HTMLCanvasElement | null>, props: Props) {
  const drag = useRef<{ x: number; view: Span; select: number | null; moved: boolean } | null>(null);
  const atX = (event: { clientX: number }) => {
    const box = canvas.current?.getBoundingClientRect();
    return box ? instantAt(props.view, event.clientX - box.left, box.width) : props.at;
  };
  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    canvas.current?.setPointerCapture(event.pointerId);
    const select = event.shiftKey ? atX(event) : null;
    drag.current = { x: event.clientX, view: props.view, select, moved: false };
  };
  const move = (event: PointerEvent) => {
    const begun = drag.current;
    if (!begun) return;
    if (Math.abs(event.clientX - begun.x) > 3) begun.moved = true;
    if (!begun.moved) return;
    if (begun.select !== null) props.on.select(between(begun.select, atX(event)));
    else props.on.setView(moved(begun.view, (begun.x - event.clientX) / (canvas.current?.clientWidth ?? 1), props.now));
  };
  const up = (event: PointerEvent) => {
    if (drag.current && !drag.current.moved && drag.current.select === null) props.on.seek(atX(event));
    drag.current = null;
  };
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    if (event.shiftKey) props.on.setView(moved(props.view, Math.sign(event.deltaY) * 0.1, props.now));
    else props.on.setView(zoomed(props.view, event.deltaY > 0 ? ZOOM : 1 / ZOOM, atX(event)));
  };
  return { down, move, up, cancel: () => (drag.current = null), wheel };
}

const between = (a: number, b: number): Span => ({ from: Math.min(a, b), to: Math.max(a, b) });

function onKey(event: KeyboardEvent, on: TimelineEvents): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = KEY_SHARE * (event.shiftKey ? 0.1 : 1);
  const actions: Record<string, () => void> = {
    ArrowLeft: () => on.moveBy(-step),
    ArrowRight: () => on.moveBy(step),
    ArrowUp: () => on.zoom(1 / ZOOM),
    ArrowDown: () => on.zoom(ZOOM),
    "+": () => on.zoom(1 / ZOOM),
    "=": () => on.zoom(1 / ZOOM),
    "-": () => on.zoom(ZOOM),
    PageUp: () => on.moveBy(-1),
    PageDown: () => on.moveBy(1),
    Home: () => on.toEnd("from"),
    End: () => on.toEnd("to"),
    "[": () => on.mark("from"),
    "]": () => on.mark("to"),
    Escape: () => on.select(null),
  };
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function draw(canvas: HTMLCanvasElement | null, props: Props): void {
  const ctx = canvas?.getContext("2d");
  if (!canvas || !ctx) return;
  const [width, height] = [canvas.clientWidth, heightOf(props.rows.length)];
  const dense = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * dense), Math.round(height * dense)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  ctx.setTransform(dense, 0, 0, dense, 0, 0);
  paint(ctx, { ...props }, width, palette(canvas));
}

function palette(element: Element): Palette {
  const style = getComputedStyle(element);
  const of = (name: string) => style.getPropertyValue(`--pb-${name}`).trim();
  return {
    text: of("text"),
    muted: of("muted"),
    line: of("line"),
    recorded: of("recorded"),
    gap: of("gap"),
    held: of("held"),
    accent: of("accent"),
    select: of("select"),
    future: of("future"),
    ground: of("ground"),
  };
}
