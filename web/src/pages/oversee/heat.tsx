// The attestation as a calendar: a row for each camera, a cell for each day, its colour the share that is on disk, a mark where a
// floor was not met. Drawn as SVG by hand; every cell says itself.

import { useT } from "../../words";
import { named, useCameras } from "../work/names";
import { w } from "./report_words";

export interface Attested {
  day: string;
  camera: string;
  covered_seconds: number;
  missing_seconds: number;
  floor_met: boolean;
}

const CELL = 18;
const LEFT = 180;
const TOP = 22;
/** Rows that are drawn; the table has all. */
const CAMERAS_MAX = 60;

function level(share: number): string {
  if (share >= 0.999) return "whole";
  return share > 0 ? (share >= 0.9 ? "most" : "some") : "none";
}

export function Heat({ days }: { days: Attested[] }) {
  const t = useT();
  const cameras = useCameras();
  const dates = [...new Set(days.map((one) => one.day))].sort();
  const rows = [...new Set(days.map((one) => one.camera))].sort().slice(0, CAMERAS_MAX);
  if (rows.length === 0) return null;
  const size = { width: LEFT + dates.length * CELL + 4, height: TOP + rows.length * CELL + 4 };
  return (
    <figure class="heat">
      <figcaption>
        {t(w.heat)}. {t(w.heatNote)}
      </figcaption>
      <div class="heat-scroll" tabIndex={0} role="region" aria-label={t(w.heat)}>
        <svg {...size} role="list" aria-label={t(w.heat)}>
          {dates.map((date, x) => (
            <text key={date} x={LEFT + x * CELL + CELL / 2} y={TOP - 6} text-anchor="middle" aria-hidden="true">
              {date.slice(8)}
            </text>
          ))}
          {rows.map((camera, y) => (
            <text key={camera} x={LEFT - 8} y={TOP + y * CELL + 13} text-anchor="end" aria-hidden="true">
              {named(cameras, camera).slice(0, 24)}
            </text>
          ))}
          {days
            .filter((one) => rows.includes(one.camera))
            .map((one) => (
              <Cell key={one.camera + one.day} of={one} name={named(cameras, one.camera)} x={dates.indexOf(one.day)} y={rows.indexOf(one.camera)} />
            ))}
        </svg>
      </div>
    </figure>
  );
}

function Cell({ of, name, x, y }: { of: Attested; name: string; x: number; y: number }) {
  const t = useT();
  const all = of.covered_seconds + of.missing_seconds;
  const share = all ? of.covered_seconds / all : 0;
  const said = t(w.heatCell, { camera: name, day: of.day, share: Math.floor(share * 100), lost: of.floor_met ? "" : t(w.heatLost) });
  const [left, top] = [LEFT + x * CELL, TOP + y * CELL];
  return (
    <g role="listitem" aria-label={said}>
      <title>{said}</title>
      <rect class={`heat-${level(share)}`} x={left + 1} y={top + 1} width={CELL - 2} height={CELL - 2} />
      {!of.floor_met && <path class="heat-unmet" d={`M${left + 5} ${top + 5} l${CELL - 10} ${CELL - 10} m0 ${10 - CELL} l${10 - CELL} ${CELL - 10}`} />}
    </g>
  );
}
