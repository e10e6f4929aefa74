// The regions of a picture that an export makes unrecognisable: shown on it, and drawn with the pointer. By keys they are typed, in the
// export's form.

import { useRef, useState } from "preact/hooks";
import { regionBetween, type Region } from "./request";

interface Props {
  regions: readonly Region[];
  add: ((region: Region) => void) | null;
}

type Corner = [number, number];

export function Regions({ regions, add }: Props) {
  const plane = useRef<HTMLDivElement>(null);
  const [drawn, setDrawn] = useState<{ from: Corner; to: Corner } | null>(null);
  const corner = (event: PointerEvent): Corner => {
    const box = plane.current?.getBoundingClientRect();
    return box ? [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height] : [0, 0];
  };
  const down = (event: PointerEvent) => {
    plane.current?.setPointerCapture(event.pointerId);
    setDrawn({ from: corner(event), to: corner(event) });
  };
  const up = () => {
    const region = drawn && regionBetween(drawn.from, drawn.to);
    if (region) add?.(region);
    setDrawn(null);
  };
  const growing = drawn && regionBetween(drawn.from, drawn.to);
  return (
    <div
      ref={plane}
      class={`pb-regions ${add ? "is-drawing" : ""}`}
      onPointerDown={add ? down : undefined}
      onPointerMove={drawn ? (event) => setDrawn({ from: drawn.from, to: corner(event) }) : undefined}
      onPointerUp={drawn ? up : undefined}
      onPointerCancel={() => setDrawn(null)}
    >
      {[...regions, ...(growing ? [growing] : [])].map((region, n) => (
        <span
          key={n}
          style={{
            left: `${region.x / 10}%`,
            top: `${region.y / 10}%`,
            width: `${region.w / 10}%`,
            height: `${region.h / 10}%`,
          }}
        >
          {n + 1}
        </span>
      ))}
    </div>
  );
}
