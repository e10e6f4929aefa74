// Draws a timeline: a row per camera with what is recorded, what is missing, what is held; the scale above, the present, the
// selection. Plain painting from plain values; what is done with it is `Timeline`'s.

import type { Gap, Span } from "./coverage";
import { lengthOf, place, ticks } from "./scale";

/** One row. */
export interface Row {
  recorded: Span[];
  gaps: (Gap & { word: string })[];
  held: Span[];
}

/** All that is drawn. */
export interface Picture {
  view: Span;
  rows: Row[];
  at: number;
  now: number;
  selection: Span | null;
  nowWord: string;
}

export const SCALE_HEIGHT = 24;
export const ROW_HEIGHT = 26;
const BAR = 16;

/** Colours by what they are for, from the page's style. */
export interface Palette {
  text: string;
  muted: string;
  line: string;
  recorded: string;
  gap: string;
  held: string;
  accent: string;
  select: string;
  future: string;
  ground: string;
}

export const heightOf = (rows: number) => SCALE_HEIGHT + Math.max(1, rows) * ROW_HEIGHT + 4;

/** Draws it all onto a canvas of `width` CSS pixels. */
export function paint(ctx: CanvasRenderingContext2D, picture: Picture, width: number, colours: Palette): void {
  const height = heightOf(picture.rows.length);
  ctx.clearRect(0, 0, width, height);
  ctx.font = "12px system-ui, sans-serif";
  ctx.textBaseline = "middle";
  future(ctx, picture, width, height, colours);
  scale(ctx, picture, width, height, colours);
  picture.rows.forEach((row, n) => paintRow(ctx, picture, row, SCALE_HEIGHT + n * ROW_HEIGHT, width, colours));
  selection(ctx, picture, width, height, colours);
  upright(ctx, place(picture.view, picture.now, width), height, colours.muted, [3, 3]);
  cursor(ctx, place(picture.view, picture.at, width), height, colours);
}

/** A span's left edge and width, never thinner than can be seen. */
function extent(view: Span, span: Span, width: number): [number, number] {
  const left = Math.max(-2, place(view, span.from, width));
  const right = Math.min(width + 2, place(view, span.to, width));
  return [left, Math.max(1, right - left)];
}

function future(ctx: CanvasRenderingContext2D, picture: Picture, width: number, height: number, colours: Palette): void {
  const left = place(picture.view, picture.now, width);
  if (left >= width) return;
  ctx.fillStyle = colours.future;
  ctx.fillRect(Math.max(0, left), SCALE_HEIGHT, width, height - SCALE_HEIGHT);
  const word = picture.nowWord;
  const from = Math.min(width - ctx.measureText(word).width - 4, Math.max(4, left + 4));
  ctx.fillStyle = colours.muted;
  ctx.fillText(word, from, height - 8);
}

function scale(ctx: CanvasRenderingContext2D, picture: Picture, width: number, height: number, colours: Palette): void {
  for (const tick of ticks(picture.view, width)) {
    const x = Math.round(place(picture.view, tick.at, width)) + 0.5;
    ctx.strokeStyle = colours.line;
    ctx.beginPath();
    ctx.moveTo(x, tick.major ? 2 : SCALE_HEIGHT - 6);
    ctx.lineTo(x, height);
    ctx.stroke();
    ctx.fillStyle = tick.major ? colours.text : colours.muted;
    ctx.fillText(tick.label, x + 4, SCALE_HEIGHT / 2);
  }
}

function paintRow(
  ctx: CanvasRenderingContext2D,
  picture: Picture,
  row: Row,
  top: number,
  width: number,
  colours: Palette,
): void {
  const bar = top + (ROW_HEIGHT - BAR) / 2;
  ctx.fillStyle = colours.recorded;
  for (const span of row.recorded) ctx.fillRect(...box(extent(picture.view, span, width), bar, BAR));
  for (const gap of row.gaps) paintGap(ctx, extent(picture.view, gap, width), gap.word, bar, colours);
  ctx.fillStyle = colours.held;
  for (const span of row.held) {
    ctx.fillRect(...box(extent(picture.view, span, width), bar - 4, 3));
  }
}

const box = ([left, width]: [number, number], top: number, height: number): [number, number, number, number] => [
  left,
  top,
  width,
  height,
];

/** Hatched, so that it is not told by its colour alone. */
function paintGap(
  ctx: CanvasRenderingContext2D,
  [left, width]: [number, number],
  word: string,
  top: number,
  colours: Palette,
): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, BAR);
  ctx.clip();
  ctx.strokeStyle = colours.gap;
  ctx.strokeRect(left + 0.5, top + 0.5, width - 1, BAR - 1);
  ctx.beginPath();
  for (let x = left - BAR; x < left + width; x += 6) {
    ctx.moveTo(x, top + BAR);
    ctx.lineTo(x + BAR, top);
  }
  ctx.stroke();
  const wide = ctx.measureText(word).width + 10;
  if (wide < width) {
    const middle = left + (width - wide) / 2;
    ctx.fillStyle = colours.ground;
    ctx.fillRect(middle, top + 1, wide, BAR - 2);
    ctx.fillStyle = colours.gap;
    ctx.fillText(word, middle + 5, top + BAR / 2 + 1);
  }
  ctx.restore();
}

function selection(
  ctx: CanvasRenderingContext2D,
  picture: Picture,
  width: number,
  height: number,
  colours: Palette,
): void {
  if (!picture.selection || lengthOf(picture.selection) <= 0) return;
  const [left, wide] = extent(picture.view, picture.selection, width);
  ctx.fillStyle = colours.select;
  ctx.fillRect(left, SCALE_HEIGHT, wide, height - SCALE_HEIGHT);
  for (const x of [left, left + wide]) upright(ctx, x, height, colours.accent, []);
}

function upright(ctx: CanvasRenderingContext2D, x: number, height: number, colour: string, dash: number[]): void {
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.setLineDash(dash);
  ctx.beginPath();
  ctx.moveTo(Math.round(x) + 0.5, SCALE_HEIGHT);
  ctx.lineTo(Math.round(x) + 0.5, height);
  ctx.stroke();
  ctx.restore();
}

function cursor(ctx: CanvasRenderingContext2D, x: number, height: number, colours: Palette): void {
  ctx.fillStyle = colours.accent;
  ctx.fillRect(x - 1, SCALE_HEIGHT - 4, 2, height);
  ctx.beginPath();
  ctx.moveTo(x - 6, SCALE_HEIGHT - 10);
  ctx.lineTo(x + 6, SCALE_HEIGHT - 10);
  ctx.lineTo(x, SCALE_HEIGHT - 1);
  ctx.fill();
}
