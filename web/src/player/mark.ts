// The visible mark: who watches, where and when, over the whole picture. The picture is cut into cells, and in each a block of lines
// drifts without leaving it. A quarter of the picture is made of whole cells, so it always shows a whole block; with four cells or more
// in each direction any window of a quarter's size does, wherever it is put. Pure: everything is a function of the time it is given.

/** Whose mark it is. Names are as the register has them, not translated. */
export interface MarkText {
  unit: string;
  name: string;
  /** Last four of the staff number. */
  staffEnd: string;
  terminal: string;
}

/** What a block says at an instant. */
export interface Mark extends MarkText {
  /** The running clock. */
  now: Date;
  /** Of a recording: when the picture was taken. */
  recorded?: Date;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** How the cells lie, and how large the letters are. */
export interface Layout {
  columns: number;
  rows: number;
  fontPx: number;
  lines: string[];
}

type Measure = (line: string) => number;

/** Cells in each direction, the most first. Two is the least with which each quarter has one of its own. */
const CELLS = [4, 2] as const;
/** Letters of this size are read at arm's length; with smaller ones there are fewer cells instead. */
const LEGIBLE_PX = 12;
/** Larger ones hide more than they tell. */
const LARGEST_PX = 22;
/** Letters are not made smaller than can be told apart, however small the tile. */
const SMALLEST_PX = 8;
/** Of a cell; the rest is what the block drifts in. */
const FILL = { width: 0.9, height: 0.8 };
/** Letters that would be legible by far are made smaller by this, so that more is seen of the picture. */
const MODESTY = 0.75;
const LINE_HEIGHT = 1.25;
/** Of a letter's size, kept free at a cell's edge: where one cuts along it, no letter is cut. */
const MARGIN = 0.2;
/** A long name of a unit is broken into so many lines at most. */
const UNIT_LINES_MAX = 3;
const FAMILY = `"Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", system-ui, sans-serif`;
/** Font size at which lines are measured. */
const MEASURED_PX = 100;
/** Seconds of one round across and down; no common measure, so that a block does not come back on its own path soon. */
const PERIOD_S = { across: 47, down: 31 };
/** Steps of the phase from cell to cell: the golden angle, so that neighbours do not move together. */
const PHASE = 2.399963;
/** White within a dark edge is read on light and dark. Letters that are small show more of themselves instead. */
const INK = { usual: ["rgba(255, 255, 255, 0.34)", "rgba(0, 0, 0, 0.30)"], small: ["rgba(255, 255, 255, 0.52)", "rgba(0, 0, 0, 0.48)"] } as const;

/** Draws the mark over `area`, in the same surface in which the picture lies. */
export function drawMark(surface: CanvasRenderingContext2D, area: Box, mark: Mark, pixelRatio: number): void {
  if (area.width < 1 || area.height < 1) return;
  surface.save();
  surface.font = font(MEASURED_PX);
  const cell = layout(area, mark, (line) => surface.measureText(line).width / MEASURED_PX, pixelRatio);
  surface.beginPath();
  surface.rect(area.x, area.y, area.width, area.height);
  surface.clip();
  const [fillStyle, strokeStyle] = cell.fontPx < LEGIBLE_PX * pixelRatio ? INK.small : INK.usual;
  Object.assign(surface, { textAlign: "left", textBaseline: "top", lineJoin: "round", fillStyle, strokeStyle });
  surface.lineWidth = Math.max(1.5, cell.fontPx / 8);
  for (const block of blocks(area, cell, surface, mark.now)) drawBlock(surface, block, cell);
  surface.restore();
}

/** The lines of a block, the unit in one. */
export function linesOf(mark: Mark): string[] {
  const lines = [mark.unit, [mark.name, mark.staffEnd && `…${mark.staffEnd}`].filter(Boolean).join(" "), mark.terminal];
  if (mark.recorded) lines.push(`● ${clock(mark.recorded)}`);
  lines.push(clock(mark.now));
  return lines.filter((line) => line !== "");
}

/** The most cells with legible letters; else the fewest, with letters as large as fit. */
export function layout(area: { width: number; height: number }, mark: Mark, measure: Measure, pixelRatio: number): Layout {
  let last: Layout | undefined;
  for (const cells of CELLS) {
    last = largest(area.width / cells, area.height / cells, mark, measure, pixelRatio, cells);
    if (last.fontPx >= LEGIBLE_PX * pixelRatio) return last;
  }
  return last as Layout;
}

/** Breaks the unit's name where that makes the letters larger. */
function largest(width: number, height: number, mark: Mark, measure: Measure, pixelRatio: number, cells: number): Layout {
  const [unit = "", ...rest] = linesOf(mark);
  let best: Layout | undefined;
  for (let parts = 1; parts <= UNIT_LINES_MAX; parts++) {
    const lines = [...broken(unit, parts), ...rest];
    // Digits are measured as one of them, so that the clock does not make the letters breathe.
    const widest = Math.max(...lines.map((line) => measure(line.replace(/\d/g, "0"))));
    const fits = Math.min((width * FILL.width) / widest, (height * FILL.height) / (lines.length * LINE_HEIGHT));
    const modest = Math.max(Math.min(fits, LEGIBLE_PX * pixelRatio), fits * MODESTY);
    const fontPx = Math.max(SMALLEST_PX * pixelRatio, Math.min(LARGEST_PX * pixelRatio, Math.floor(modest)));
    if (!best || fontPx > best.fontPx) best = { columns: cells, rows: cells, fontPx, lines };
  }
  return best as Layout;
}

/** A name in so many lines: at spaces where it has them, else between any two letters. */
export function broken(name: string, parts: number): string[] {
  const spaced = name.trim().includes(" ");
  const pieces = spaced ? name.trim().split(/\s+/) : [...name];
  const [lines, want] = [[] as string[], [...name].length / parts];
  let line = "";
  for (const piece of pieces) {
    const longer = line && spaced ? `${line} ${piece}` : line + piece;
    if (line && [...longer].length > want + (spaced ? 3 : 0.5) && lines.length < parts - 1) {
      lines.push(line);
      line = piece;
    } else line = longer;
  }
  return line ? [...lines, line] : lines;
}

/** Where the blocks stand at an instant. */
function* blocks(area: Box, cell: Layout, surface: CanvasRenderingContext2D, now: Date): Generator<{ x: number; y: number }> {
  surface.font = font(cell.fontPx);
  const wide = Math.max(...cell.lines.map((line) => surface.measureText(line.replace(/\d/g, "0")).width));
  const [width, height] = [area.width / cell.columns, area.height / cell.rows];
  const edge = cell.fontPx * MARGIN;
  const free = { x: Math.max(0, width - wide - 2 * edge), y: Math.max(0, height - cell.lines.length * cell.fontPx * LINE_HEIGHT - 2 * edge) };
  for (let at = 0; at < cell.columns * cell.rows; at++) {
    const drift = driftOf(now.getTime() / 1000, at);
    yield {
      x: area.x + (at % cell.columns) * width + edge + free.x * drift.x,
      y: area.y + Math.floor(at / cell.columns) * height + edge + free.y * drift.y,
    };
  }
}

/** Of the room that a block has, the share left of it and above it: each between 0 and 1. */
export function driftOf(seconds: number, cell: number): { x: number; y: number } {
  const turn = (period: number) => 0.5 + 0.5 * Math.sin(2 * Math.PI * (seconds / period) + cell * PHASE);
  return { x: turn(PERIOD_S.across), y: turn(PERIOD_S.down) };
}

function drawBlock(surface: CanvasRenderingContext2D, at: { x: number; y: number }, cell: Layout): void {
  cell.lines.forEach((line, number) => {
    const y = at.y + number * cell.fontPx * LINE_HEIGHT;
    surface.strokeText(line, at.x, y);
    surface.fillText(line, at.x, y);
  });
}

/** The letters' face. */
export function font(px: number): string {
  return `600 ${px}px ${FAMILY}`;
}

/** Local time, as a clock on the wall shows it. */
export function clock(at: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}
