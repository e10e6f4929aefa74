// Reading the visible mark from pixels: the words that should be there are drawn with the same letters, and looked for in a screenshot by
// normalised correlation. No DOM is asked. Words that should not be there are looked for as well: those must not be found.
import { readFile } from "node:fs/promises";
import { build } from "esbuild";

const MARK = new URL("../src/player/mark.ts", import.meta.url).pathname;

/** The player's own drawing, as a script of its own. */
export async function bundled(file = MARK) {
  const { outputFiles } = await build({ entryPoints: [file], bundle: true, format: "esm", write: false, logLevel: "silent" });
  return outputFiles[0].text;
}

/** The module itself, for tests without a browser. */
export async function imported(file) {
  return import(`data:text/javascript;base64,${Buffer.from(await bundled(file)).toString("base64")}`);
}

/**
 * How well the first lines of each of `marks` (unit and name) are found in each of `windows` of a screenshot: 1 is exactly. `picture` is
 * where the picture lies in it. `lab` is a blank page, which has no policy against scripts.
 */
export async function found(lab, png, picture, windows, marks) {
  return lab.evaluate(look, { script: await bundled(), png: png.toString("base64"), picture, windows, marks });
}

/** Runs in the page. */
async function look({ script, png, picture, windows, marks }) {
  const player = await import(`data:text/javascript;base64,${btoa(unescape(encodeURIComponent(script)))}`);
  const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const sheet = new OffscreenCanvas(image.width, image.height).getContext("2d", { willReadFrequently: true });
  sheet.drawImage(image, 0, 0);
  // On something bright it is the letters' edge that shows.
  const [COARSE_POINTS, PLACES] = [200, 25];
  const GROUNDS = ["#606060", "#f4ec60"];
  const measured = (line) => {
    sheet.font = player.font(100);
    return sheet.measureText(line).width / 100;
  };
  return windows.map((window) => {
    const pixels = rough(sheet.getImageData(window.x, window.y, window.width, window.height));
    return marks.map((mark) => Math.max(...GROUNDS.map((ground) => best(pixels, template({ ...mark, now: new Date() }, ground)))));
  });

  /** The block's first lines as the player draws them, on a ground. */
  function template(mark, ground) {
    const { lines: all, fontPx } = player.layout(picture, mark, measured, 1);
    const [lines, font] = [all.slice(0, -2), player.font(fontPx)];
    const pen = new OffscreenCanvas(8, 8).getContext("2d");
    pen.font = font;
    const width = Math.ceil(Math.max(...lines.map((line) => pen.measureText(line).width))) + 4;
    const [height, step] = [Math.ceil(lines.length * fontPx * 1.25) + 2, fontPx * 1.25];
    const drawn = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    drawn.fillStyle = ground;
    drawn.fillRect(0, 0, width, height);
    Object.assign(drawn, { font, textBaseline: "top", lineJoin: "round", fillStyle: "rgba(255,255,255,0.34)", strokeStyle: "rgba(0,0,0,0.3)" });
    drawn.lineWidth = Math.max(1.5, fontPx / 8);
    lines.forEach((line, number) => {
      drawn.strokeText(line, 1, number * step);
      drawn.fillText(line, 1, number * step);
    });
    return rough(drawn.getImageData(0, 0, width, height));
  }

  /** Brightness less that of the surroundings: letters stay, fields of colour go. */
  function rough({ data, width, height }) {
    const [light, sums] = [new Float32Array(width * height), new Float64Array((width + 1) * (height + 1))];
    for (let at = 0; at < light.length; at++) light[at] = 0.3 * data[4 * at] + 0.59 * data[4 * at + 1] + 0.11 * data[4 * at + 2];
    for (let y = 0; y < height; y++)
      for (let x = 0, row = 0; x < width; x++) {
        row += light[y * width + x];
        sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + row;
      }
    const [out, reach] = [new Float32Array(width * height), 4];
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const [l, r, t, b] = [Math.max(0, x - reach), Math.min(width, x + reach + 1), Math.max(0, y - reach), Math.min(height, y + reach + 1)];
        const sum = sums[b * (width + 1) + r] - sums[t * (width + 1) + r] - sums[b * (width + 1) + l] + sums[t * (width + 1) + l];
        // Hard edges of the picture itself must not outweigh the letters.
        out[y * width + x] = Math.max(-40, Math.min(40, light[y * width + x] - sum / ((r - l) * (b - t))));
      }
    return { out, width, height };
  }

  function scoreOf(points, pixels, from) {
    let [product, square, power] = [0, 1, 1];
    for (let number = 0; number < points.length; number++) {
      const [at, value] = points[number];
      const seen = pixels.out[from + at];
      product += seen * value;
      square += seen * seen;
      power += value * value;
    }
    return product / Math.sqrt(square * power);
  }

  function best(pixels, wanted) {
    const points = [];
    for (let y = 0; y < wanted.height; y++)
      for (let x = 0; x < wanted.width; x++) {
        const value = wanted.out[y * wanted.width + x];
        if (Math.abs(value) > 3) points.push([y * pixels.width + x, value]);
      }
    // A few of the points at every place, then all of them at the best places.
    const few = points.filter((_, number) => number % Math.ceil(points.length / COARSE_POINTS) === 0);
    let places = [];
    for (let y = 0; y + wanted.height <= pixels.height; y++)
      for (let x = 0; x + wanted.width <= pixels.width; x++) {
        const from = y * pixels.width + x;
        const score = scoreOf(few, pixels, from);
        if (places.length < PLACES || score > places[0].score) {
          places.push({ from, score });
          places = places.sort((a, b) => a.score - b.score).slice(-PLACES);
        }
      }
    const most = Math.max(0, ...places.map(({ from }) => scoreOf(points, pixels, from)));
    return most;
  }
}
