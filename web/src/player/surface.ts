// The surface that a picture is shown on: a canvas, in which the frame and the visible mark over it are drawn in one go. The video
// element that decodes is in no document, so that there is no picture without its mark: zoom, full screen and a screenshot all have it.
// The mark lies over what is seen of the picture, so that it stays whole however far one zooms in.

import { drawMark, type Box, type Mark } from "./mark";

/** What is seen: how much larger than fitted, and the picture's point (0 to 1 in each direction) that stands in the middle. */
export interface View {
  scale: number;
  x: number;
  y: number;
}

export interface SurfaceOptions {
  /** The mark for the frame that is shown; `mediaTime` is the frame's time in the source, in seconds. */
  mark: (mediaTime: number) => Mark;
  /** A new frame was drawn. */
  onFrame?: (frame: { mediaTime: number; now: number; presented: number }) => void;
  /** What goes full screen, the container within it; the container where nothing is said. The focus must lie within to stay. */
  fullScreen?: HTMLElement | null;
  /** The canvas's name for those who do not see it. */
  label?: string;
}

const SCALE_MAX = 16;
/** One step of the wheel or a key. */
const SCALE_STEP = 1.25;
/** Of what is seen, by an arrow key. */
const PAN_STEP = 0.1;
/** The clock runs and the mark moves on also where no frame comes. */
const REDRAW_MS = 500;
const WHOLE: View = { scale: 1, x: 0.5, y: 0.5 };

/** A video element as ours are: silent until asked, in no document, and never a window of its own. */
export function hiddenVideo(): HTMLVideoElement {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.disablePictureInPicture = true;
  video.disableRemotePlayback = true;
  return video;
}

export class Surface {
  readonly canvas = document.createElement("canvas");
  /** Frames drawn so far. */
  frames = 0;
  private view: View = { ...WHOLE };
  private mediaTime = 0;
  private drag: { x: number; y: number; view: View } | undefined;
  private readonly pen: CanvasRenderingContext2D;
  private readonly resized: ResizeObserver;
  private readonly timer: number;
  private readonly gone = new AbortController();
  private frameRequest = 0;

  /** Puts a canvas into `container` and draws `video` there until `close`. */
  constructor(
    private readonly container: HTMLElement,
    private readonly video: HTMLVideoElement,
    private readonly options: SurfaceOptions,
  ) {
    // Opaque: nothing of the page shines through.
    this.pen = this.canvas.getContext("2d", { alpha: false }) as CanvasRenderingContext2D;
    this.canvas.className = "surface";
    this.canvas.setAttribute("role", "img");
    if (options.label) this.canvas.setAttribute("aria-label", options.label);
    container.prepend(this.canvas);
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(this.canvas);
    this.listen();
    this.timer = window.setInterval(() => this.draw(), REDRAW_MS);
    this.awaitFrame();
  }

  /** Lets go of the canvas; the video element stays the caller's. */
  close(): void {
    this.gone.abort();
    this.resized.disconnect();
    window.clearInterval(this.timer);
    if ("cancelVideoFrameCallback" in this.video) this.video.cancelVideoFrameCallback(this.frameRequest);
    else window.cancelAnimationFrame(this.frameRequest);
    this.canvas.remove();
  }

  /** Draws the frame that the video shows, and the mark over it. */
  draw(): void {
    const { pen, canvas, video } = this;
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !video.videoWidth) return;
    const picture = this.picture();
    pen.imageSmoothingQuality = "high";
    pen.drawImage(video, picture.x, picture.y, picture.width, picture.height);
    drawMark(pen, this.seen(picture), this.options.mark(this.mediaTime), this.pixelRatio());
  }

  /** Larger or smaller around a point of the canvas, given in its own pixels; its middle where none is given. */
  zoom(factor: number, at = { x: this.canvas.width / 2, y: this.canvas.height / 2 }): void {
    const before = this.picture();
    const under = { x: (at.x - before.x) / before.width, y: (at.y - before.y) / before.height };
    const scale = Math.min(SCALE_MAX, Math.max(1, this.view.scale * factor));
    const after = { width: (before.width / this.view.scale) * scale, height: (before.height / this.view.scale) * scale };
    this.look({
      scale,
      x: under.x + (this.canvas.width / 2 - at.x) / after.width,
      y: under.y + (this.canvas.height / 2 - at.y) / after.height,
    });
  }

  /** By shares of what is seen. */
  pan(x: number, y: number): void {
    const { scale } = this.view;
    this.look({ scale, x: this.view.x + x / scale, y: this.view.y + y / scale });
  }

  /** The whole picture again. */
  whole(): void {
    this.look({ ...WHOLE });
  }

  get scale(): number {
    return this.view.scale;
  }

  /** With all that lies over the picture. */
  async toggleFullScreen(): Promise<void> {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await (this.options.fullScreen ?? this.container).requestFullscreen({ navigationUI: "hide" });
  }

  /** Keys for zoom, pan and full screen; true where the key was one of them. Arrows pan only what is zoomed. */
  handleKey(event: KeyboardEvent): boolean {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const act = this.actOf(event.key);
    if (!act) return false;
    event.preventDefault();
    act();
    return true;
  }

  private actOf(key: string): (() => void) | undefined {
    const zoomed = this.view.scale > 1;
    const pans: Record<string, [number, number]> = {
      ArrowLeft: [-PAN_STEP, 0],
      ArrowRight: [PAN_STEP, 0],
      ArrowUp: [0, -PAN_STEP],
      ArrowDown: [0, PAN_STEP],
    };
    const by = pans[key];
    if (by) return zoomed ? () => this.pan(...by) : undefined;
    const acts: Record<string, () => void> = {
      "+": () => this.zoom(SCALE_STEP),
      "=": () => this.zoom(SCALE_STEP),
      "-": () => this.zoom(1 / SCALE_STEP),
      "0": () => this.whole(),
      f: () => void this.toggleFullScreen(),
    };
    return acts[key];
  }

  private listen(): void {
    const { canvas } = this;
    const signal = this.gone.signal;
    canvas.addEventListener("wheel", (event) => this.onWheel(event), { signal, passive: false });
    // "Save image as" would be a snapshot that nobody decided and the register does not know.
    canvas.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
    canvas.addEventListener("dblclick", () => void this.toggleFullScreen(), { signal });
    canvas.addEventListener("pointerdown", (event) => this.onDown(event), { signal });
    canvas.addEventListener("pointermove", (event) => this.onMove(event), { signal });
    for (const end of ["pointerup", "pointercancel"] as const)
      canvas.addEventListener(end, () => (this.drag = undefined), { signal });
  }

  private onWheel(event: WheelEvent): void {
    event.preventDefault();
    const ratio = this.pixelRatio();
    this.zoom(event.deltaY < 0 ? SCALE_STEP : 1 / SCALE_STEP, { x: event.offsetX * ratio, y: event.offsetY * ratio });
  }

  private onDown(event: PointerEvent): void {
    if (this.view.scale === 1 || event.button !== 0) return;
    this.drag = { x: event.clientX, y: event.clientY, view: { ...this.view } };
    this.canvas.setPointerCapture(event.pointerId);
  }

  private onMove(event: PointerEvent): void {
    if (!this.drag) return;
    const [picture, ratio] = [this.picture(), this.pixelRatio()];
    this.look({
      scale: this.view.scale,
      x: this.drag.view.x - ((event.clientX - this.drag.x) * ratio) / picture.width,
      y: this.drag.view.y - ((event.clientY - this.drag.y) * ratio) / picture.height,
    });
  }

  /** Takes a view as far as there is picture for it. */
  private look(view: View): void {
    const edge = 0.5 / view.scale;
    const within = (share: number) => Math.min(1 - edge, Math.max(edge, share));
    this.view = { scale: view.scale, x: within(view.x), y: within(view.y) };
    this.canvas.style.cursor = view.scale > 1 ? "grab" : "";
    this.draw();
  }

  /** Where the whole picture lies, in pixels of the canvas; beyond its edges where it is zoomed. */
  private picture(): Box {
    const { width, height } = this.canvas;
    const [wide, high] = [this.video.videoWidth || 16, this.video.videoHeight || 9];
    const scale = Math.min(width / wide, height / high) * this.view.scale;
    const size = { width: wide * scale, height: high * scale };
    return { x: width / 2 - this.view.x * size.width, y: height / 2 - this.view.y * size.height, ...size };
  }

  private seen(picture: Box): Box {
    const [x, y] = [Math.max(0, picture.x), Math.max(0, picture.y)];
    const right = Math.min(this.canvas.width, picture.x + picture.width);
    const bottom = Math.min(this.canvas.height, picture.y + picture.height);
    return { x, y, width: right - x, height: bottom - y };
  }

  /** The canvas has as many pixels as the screen shows of it. */
  private fit(): void {
    const ratio = this.pixelRatio();
    const [width, height] = [Math.round(this.canvas.clientWidth * ratio), Math.round(this.canvas.clientHeight * ratio)];
    if (!width || !height || (width === this.canvas.width && height === this.canvas.height)) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.draw();
  }

  private pixelRatio(): number {
    return window.devicePixelRatio || 1;
  }

  /** Each frame as it is presented; with the screen's beat where the browser does not tell. */
  private awaitFrame(): void {
    if ("requestVideoFrameCallback" in this.video) {
      this.frameRequest = this.video.requestVideoFrameCallback((now, frame) => {
        this.onFrame(frame.mediaTime, now, frame.presentedFrames);
      });
    } else {
      this.frameRequest = window.requestAnimationFrame((now) => this.onFrame(this.clockOf(), now, this.frames + 1));
    }
  }

  private clockOf(): number {
    return (this.video as HTMLVideoElement).currentTime;
  }

  private onFrame(mediaTime: number, now: number, presented: number): void {
    if (this.gone.signal.aborted) return;
    this.mediaTime = mediaTime;
    this.frames++;
    this.draw();
    this.options.onFrame?.({ mediaTime, now, presented });
    this.awaitFrame();
  }
}
