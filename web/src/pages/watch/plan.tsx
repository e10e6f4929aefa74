// A plan of the catalogue, drawn here and offline: a box for each branch, a mark for each camera. The register has no coordinates, so
// it says what belongs together and not where it lies; it says so itself.

import { useMemo, useState } from "preact/hooks";

import { useT } from "../../words";
import type { Branch, Camera } from "./catalogue";
import { w } from "./words";

interface Box {
  name: string;
  x: number;
  y: number;
  width: number;
  height: number;
  cameras: { camera: Camera; x: number; y: number }[];
}

/** Units of the drawing: the pitch of cameras, a box's head, what is between boxes, and the width that they fill. */
const [PITCH, HEAD, GAP, WIDTH] = [26, 20, 10, 270];
const [CLOSEST, STEP] = [0.15, 1.25];

/** Branches that hold cameras themselves, in the order of the tree, in rows. */
export function boxesOf(tree: Branch): { boxes: Box[]; height: number } {
  const [boxes, at] = [[] as Box[], { x: 0, y: 0, row: 0 }];
  for (const branch of holders(tree)) {
    const columns = Math.min(10, Math.max(4, Math.ceil(Math.sqrt(branch.cameras.length * 1.6))));
    const rows = Math.ceil(branch.cameras.length / columns);
    const [width, height] = [columns * PITCH, rows * PITCH + HEAD];
    if (at.x > 0 && at.x + width > WIDTH) Object.assign(at, { x: 0, y: at.y + at.row + GAP, row: 0 });
    const cameras = branch.cameras.map((camera, number) => ({
      camera,
      x: at.x + ((number % columns) + 0.5) * PITCH,
      y: at.y + HEAD + (Math.floor(number / columns) + 0.5) * PITCH,
    }));
    boxes.push({ name: branch.path, x: at.x, y: at.y, width, height, cameras });
    Object.assign(at, { x: at.x + width + GAP, row: Math.max(at.row, height) });
  }
  return { boxes, height: at.y + at.row };
}

function holders(branch: Branch): Branch[] {
  return [...(branch.cameras.length ? [branch] : []), ...branch.branches.flatMap(holders)];
}

export function Plan({ tree, shown, onPick }: { tree: Branch; shown: Set<string>; onPick: (camera: Camera) => void }) {
  const t = useT();
  const { boxes, height } = useMemo(() => boxesOf(tree), [tree]);
  const [view, look] = useState({ x: -4, y: -4, scale: 1 });
  const [drag, setDrag] = useState<{ x: number; y: number } | null>(null);
  const zoom = (factor: number) => look((v) => ({ ...v, scale: Math.min(4, Math.max(CLOSEST, v.scale * factor)) }));
  const move = (x: number, y: number) => look((v) => ({ ...v, x: v.x + x * v.scale, y: v.y + y * v.scale }));
  const [wide, high] = [(WIDTH + 16) * view.scale, Math.max(180, Math.min(520, height + 16)) * view.scale];
  const keys: Record<string, () => void> = {
    "+": () => zoom(1 / STEP),
    "=": () => zoom(1 / STEP),
    "-": () => zoom(STEP),
    ArrowLeft: () => move(-40, 0),
    ArrowRight: () => move(40, 0),
    ArrowUp: () => move(0, -40),
    ArrowDown: () => move(0, 40),
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  const onPointerMove = (event: PointerEvent & { currentTarget: SVGSVGElement }) => {
    if (!drag) return;
    const ratio = (WIDTH + 16) / event.currentTarget.clientWidth;
    move((drag.x - event.clientX) * ratio, (drag.y - event.clientY) * ratio);
    setDrag({ x: event.clientX, y: event.clientY });
  };
  return (
    <div class="plan">
      <p class="fine">{t(w.plan)}</p>
      <svg
        viewBox={`${view.x} ${view.y} ${wide} ${high}`}
        preserveAspectRatio="xMidYMin meet"
        role="group"
        aria-label={t(w.map)}
        tabindex={0}
        onKeyDown={onKeyDown}
        onWheel={(event) => {
          event.preventDefault();
          zoom(event.deltaY < 0 ? 1 / STEP : STEP);
        }}
        onPointerDown={(event) => setDrag({ x: event.clientX, y: event.clientY })}
        onPointerMove={onPointerMove}
        onPointerUp={() => setDrag(null)}
        onPointerLeave={() => setDrag(null)}
      >
        {boxes.map((box) => (
          <g key={box.name}>
            <rect class="plan-box" x={box.x} y={box.y} width={box.width} height={box.height} rx={3} />
            <text class="plan-name" x={box.x + 5} y={box.y + 14}>
              {box.name}
            </text>
            {box.cameras.map(({ camera, x, y }) => (
              <Spot key={camera.id} camera={camera} x={x} y={y} shown={shown.has(camera.id)} onPick={onPick} />
            ))}
          </g>
        ))}
      </svg>
      <p class="fine">{t(w.planUse)}</p>
    </div>
  );
}

function Spot({ camera, x, y, shown, onPick }: { camera: Camera; x: number; y: number; shown: boolean; onPick: (camera: Camera) => void }) {
  const t = useT();
  const name = `${camera.name} · ${camera.location_name} · ${t(w[camera.device_status])}`;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    onPick(camera);
  };
  return (
    <g class={`spot ${camera.device_status}${shown ? " shown" : ""}`} role="button" tabindex={0} aria-label={name} onKeyDown={onKeyDown} onClick={() => onPick(camera)}>
      <circle cx={x} cy={y} r={8} />
      <title>{name}</title>
    </g>
  );
}
