// The player's pure parts, without a browser: where the mark's blocks stand, and how the live edge is kept.
import assert from "node:assert/strict";
import { test } from "node:test";

import { imported } from "./pixels.mjs";

const at = (name) => new URL(`../src/player/${name}`, import.meta.url).pathname;
const mark = await imported(at("mark.ts"));
const { Edge } = await imported(at("edge.ts"));

/** Letters of a CJK face: a square for each, half of one for those of Latin. */
const measure = (line) => [...line].reduce((sum, letter) => sum + (letter.codePointAt(0) > 0x2e80 ? 1 : 0.55), 0);
const viewer = { unit: "示范市公安局交通警察支队", name: "张三", staffEnd: "0042", terminal: "10.20.30.40", now: new Date() };

/** A surface that keeps where whole blocks were drawn. */
function drawn(area, now) {
  const [boxes, sizes] = [[], {}];
  const pen = {
    save() {}, restore() {}, beginPath() {}, rect() {}, clip() {}, fillText() {},
    set font(said) {
      sizes.px = Number(/(\d+(?:\.\d+)?)px/.exec(said)[1]);
    },
    measureText: (line) => ({ width: measure(line) * sizes.px }),
    strokeText: (line, x, y) => boxes.push({ line, x, y, right: x + measure(line) * sizes.px, bottom: y + sizes.px }),
  };
  mark.drawMark(pen, area, { ...viewer, now }, 1);
  const lines = mark.layout(area, viewer, measure, 1).lines.length;
  const blocks = [];
  for (let from = 0; from < boxes.length; from += lines) {
    const block = boxes.slice(from, from + lines);
    blocks.push({ x: block[0].x, y: block[0].y, right: Math.max(...block.map((one) => one.right)), bottom: block.at(-1).bottom });
  }
  return blocks;
}

const within = (block, window) =>
  block.x >= window.x && block.y >= window.y && block.right <= window.x + window.width && block.bottom <= window.y + window.height;

test("each quarter has a whole block at every moment, and on a large picture any window of a quarter's size", () => {
  for (const [width, height] of [[300, 169], [584, 329], [1440, 810], [3840, 2160]]) {
    for (let second = 0; second < 1_500; second += 7) {
      const blocks = drawn({ x: 11, y: 5, width, height }, new Date(1_790_000_000_000 + second * 1_000));
      const half = { width: width / 2, height: height / 2 };
      for (const [x, y] of [[11, 5], [11 + half.width, 5], [11, 5 + half.height], [11 + half.width, 5 + half.height]])
        assert.ok(blocks.some((block) => within(block, { x, y, ...half })), `${width}x${height} at ${second}: ${x},${y}`);
      if (width < 1440) continue;
      const [x, y] = [11 + ((second * 37) % half.width), 5 + ((second * 53) % half.height)];
      assert.ok(blocks.some((block) => within(block, { x, y, ...half })), `${width}x${height} at ${second}: any window at ${x},${y}`);
    }
  }
});

test("the mark moves, and says who, where and when", () => {
  const area = { x: 0, y: 0, width: 1280, height: 720 };
  const [one, other] = [0, 5_000].map((later) => drawn(area, new Date(1_790_000_000_000 + later)));
  assert.ok(one.every((block, number) => Math.hypot(block.x - other[number].x, block.y - other[number].y) > 2));
  const recorded = new Date(2026, 10, 3, 8, 9, 7);
  const lines = mark.linesOf({ ...viewer, now: new Date(2026, 10, 27, 1, 2, 3), recorded });
  assert.deepEqual(lines, ["示范市公安局交通警察支队", "张三 …0042", "10.20.30.40", "● 2026-11-03 08:09:07", "2026-11-27 01:02:03"]);
  assert.deepEqual(mark.broken("示范市公安局交通警察支队", 2), ["示范市公安局", "交通警察支队"]);
  assert.equal(mark.broken("Traffic Police Detachment of the Bureau", 3).length, 3);
});

test("the edge is kept: a jump where far behind, a little faster or slower where near, more in hand where it ran dry", () => {
  const edge = new Edge();
  assert.deepEqual(edge.step(0, 0, []), { rate: 1 });
  assert.ok(edge.step(0.1, 0, [{ start: 10, end: 14 }]).seek > 13.9, "what begins later is gone to");
  assert.ok(edge.step(0.2, 10, [{ start: 10, end: 14 }]).seek > 13.9, "four seconds behind is too far");
  assert.ok(edge.step(0.3, 8, [{ start: 0, end: 8.2 }, { start: 9, end: 9.1 }]).seek >= 9, "a hole is jumped over");
  assert.ok(edge.step(0.4, 13.6, [{ start: 10, end: 14 }]).rate > 1);
  assert.ok(edge.step(0.5, 13.98, [{ start: 10, end: 14 }]).rate < 1);
  assert.equal(edge.step(0.6, 13.92, [{ start: 10, end: 14 }]).rate, 1);
  const before = edge.aimSeconds;
  edge.dry();
  assert.equal(edge.aimSeconds, before, "just after a jump it is not the network");
  edge.step(5, 17.92, [{ start: 10, end: 18 }]);
  for (let times = 0; times < 50; times++) edge.dry();
  assert.ok(edge.aimSeconds > before && edge.aimSeconds < 1);
  edge.step(200, 17.92, [{ start: 10, end: 18 }]);
  assert.equal(edge.aimSeconds, before, "and it comes back");
});
