// Chooses up to four cameras from those that one may see, by typing a part of a name, a place or an id.

import { useState } from "preact/hooks";
import { useT } from "../../words";
import { CAMERAS_MAX } from "./viewings";
import { words } from "./words";

/** What is told of a camera. */
export interface CameraRow {
  id: string;
  name: string;
  location_name: string;
  area?: string | null;
  device_status: string;
}

interface Props {
  cameras: readonly CameraRow[];
  chosen: readonly string[];
  onChoose(cameras: string[]): void;
}

/** Rows shown at a time; who has more of them types. */
const SHOWN_MAX = 200;

export function Picker({ cameras, chosen, onChoose }: Props) {
  const t = useT();
  const [typed, setTyped] = useState("");
  const wanted = typed.trim().toLowerCase();
  const fits = (camera: CameraRow) =>
    [camera.id, camera.name, camera.location_name, camera.area ?? ""].some((text) => text.toLowerCase().includes(wanted));
  const shown = cameras.filter((camera) => chosen.includes(camera.id) || fits(camera)).slice(0, SHOWN_MAX);
  const toggle = (id: string) => onChoose(chosen.includes(id) ? chosen.filter((each) => each !== id) : [...chosen, id]);
  return (
    <section class="pb-picker" aria-labelledby="pb-cameras">
      <h2 id="pb-cameras">
        {t(words.cameras)} <span class="pb-count">{`${chosen.length}/${CAMERAS_MAX}`}</span>
      </h2>
      <input
        type="search"
        value={typed}
        placeholder={t(words.find)}
        aria-label={t(words.find)}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
      {cameras.length === 0 && <p class="quiet">{t(words.noCameras)}</p>}
      <ul>
        {shown.map((camera) => (
          <li key={camera.id}>
            <label class={chosen.includes(camera.id) ? "is-chosen" : ""}>
              <input
                type="checkbox"
                checked={chosen.includes(camera.id)}
                disabled={!chosen.includes(camera.id) && chosen.length >= CAMERAS_MAX}
                onChange={() => toggle(camera.id)}
              />
              <span>
                {camera.name}
                <small>{camera.location_name}</small>
              </span>
            </label>
          </li>
        ))}
      </ul>
    </section>
  );
}
