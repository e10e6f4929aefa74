// Finding a camera: search as one types, the catalogue as a tree, and a plan of it.

import { useMemo, useState } from "preact/hooks";

import { Refusal, Loading } from "../../ui/states";
import { useT } from "../../words";
import { matching, treeOf, type Branch, type Camera, type Catalogue, type Cut } from "./catalogue";
import { Plan } from "./plan";
import { w } from "./words";

/** The kind of what is dragged. */
export const DRAGGED = "text/x-sluice-camera";

interface Picks {
  shown: Set<string>;
  onPick: (camera: Camera) => void;
}

export function Finder({ catalogue, refused, ...picks }: Picks & { catalogue: Catalogue | undefined; refused: unknown }) {
  const t = useT();
  const [typed, type] = useState("");
  const [cut, setCut] = useState<Cut>("area");
  const [asPlan, setAsPlan] = useState(false);
  const found = useMemo(() => catalogue && { ...catalogue, cameras: matching(catalogue.cameras, typed) }, [catalogue, typed]);
  if (refused) return <Refusal of={refused} />;
  if (!catalogue || !found) return <Loading />;
  return (
    <section class="finder" aria-label={t(w.ways)}>
      <input type="search" value={typed} placeholder={t(w.search)} aria-label={t(w.search)} onInput={(event) => type(event.currentTarget.value)} />
      <div class="finder-ways">
        <span class="choices" role="group" aria-label={t(w.ways)}>
          <button type="button" aria-pressed={!asPlan} onClick={() => setAsPlan(false)}>
            {t(w.tree)}
          </button>
          <button type="button" aria-pressed={asPlan} onClick={() => setAsPlan(true)}>
            {t(w.map)}
          </button>
        </span>
        <select aria-label={t(w.by)} value={cut} onChange={(event) => setCut(event.currentTarget.value as Cut)}>
          <option value="area">{t(w.byArea)}</option>
          <option value="unit">{t(w.byUnit)}</option>
          <option value="category">{t(w.byCategory)}</option>
        </select>
        <span class="fine" role="status">
          {t(w.found, { shown: found.cameras.length, all: catalogue.cameras.length })}
        </span>
      </div>
      <Found found={found} cut={cut} asPlan={asPlan} none={catalogue.cameras.length === 0} {...picks} />
    </section>
  );
}

function Found({ found, cut, asPlan, none, ...picks }: Picks & { found: Catalogue; cut: Cut; asPlan: boolean; none: boolean }) {
  const t = useT();
  const tree = useMemo(() => treeOf(found, cut, t(w.elsewhere)), [found, cut, t(w.elsewhere)]);
  if (found.cameras.length === 0) return <p class="empty">{t(none ? w.noCamera : w.noMatch)}</p>;
  if (asPlan) return <Plan tree={tree} {...picks} />;
  return (
    <div class="tree">
      <Twigs branch={tree} {...picks} />
    </div>
  );
}

function Twigs({ branch, ...picks }: Picks & { branch: Branch }) {
  return (
    <>
      {branch.branches.map((one) => (
        <details key={one.path} open>
          <summary>
            {one.name} <span class="quiet">{one.count}</span>
          </summary>
          <Twigs branch={one} {...picks} />
        </details>
      ))}
      {branch.cameras.map((camera) => (
        <Leaf key={camera.id} camera={camera} {...picks} />
      ))}
    </>
  );
}

function Leaf({ camera, shown, onPick }: Picks & { camera: Camera }) {
  const t = useT();
  const state = t(w[camera.device_status]);
  return (
    <button
      type="button"
      class={`leaf${shown.has(camera.id) ? " shown" : ""}`}
      data-camera={camera.id}
      draggable
      title={[camera.location_name, camera.id, state, camera.device_status_reason].filter(Boolean).join("\n")}
      onDragStart={(event) => event.dataTransfer?.setData(DRAGGED, camera.id)}
      onClick={() => onPick(camera)}
    >
      <span class={`dot ${camera.device_status}`} aria-hidden="true" />
      <span class="leaf-name">{camera.name}</span>
      <span class="leaf-place quiet">{camera.location_name}</span>
      <span class="unseen">{state}</span>
    </button>
  );
}
