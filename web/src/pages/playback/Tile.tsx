// One camera of the wall: its picture, the instant it was recorded at, and in words why there is none.

import type { MutableRef } from "preact/hooks";
import { useEffect, useRef } from "preact/hooks";
import { Refused, type Refusal as RefusalBody } from "../../api/client";
import { useMe } from "../../api/me";
import { Surface } from "../../player/surface";
import { Refusal } from "../../ui/states";
import { useT, type Both } from "../../words";
import { Icon } from "./Icon";
import type { CameraRow } from "./Picker";
import type { Deck } from "./deck";
import { reasonWords } from "./reasons";
import { Regions } from "./Regions";
import type { Region } from "./request";
import { length, stamp } from "./scale";
import type { Viewing } from "./viewings";
import { words } from "./words";

/** The regions of an export that are drawn on the focused tile. */
export interface Drawing {
  regions: readonly Region[];
  /** None while they are only shown. */
  add: ((region: Region) => void) | null;
}

interface Props {
  deck: Deck;
  camera: CameraRow;
  drawing: Drawing | null;
}

/** What is this new may still be on its way to the disk. */
const EDGE_MS = 15_000;
/** A renewal is offered when less than this is left. */
const RENEW_MS = 5 * 60_000;

export function Tile({ deck, camera, drawing }: Props) {
  const t = useT();
  const frame = useRef<HTMLDivElement>(null);
  const viewing = deck.viewings.of(camera.id);
  const surface = useSurface(frame, viewing, camera.name);
  useEffect(() => {
    // Regions are of the whole picture.
    if (drawing?.add) surface.current?.whole();
  }, [drawing?.add !== null]);
  const { at } = deck.clock;
  const focused = deck.focus === camera.id;
  const shown = viewing?.standing(at) === "ready" ? (viewing.recorded.shownAt || at) : at;
  const video = viewing?.recorded.video;
  const shape = video?.videoWidth ? video.videoWidth / video.videoHeight : 16 / 9;
  const whole = (surface.current?.scale ?? 1) === 1;
  return (
    <article class={`pb-tile ${focused ? "is-focused" : ""}`} aria-label={camera.name} data-camera={camera.id} data-clock={viewing?.recorded.clockAt}>
      <header>
        <button type="button" class="pb-name" aria-pressed={focused} onClick={() => deck.attend(camera.id)}>
          {camera.name}
        </button>
        <time>{stamp(shown, 3)}</time>
        <button
          type="button"
          aria-label={`${t(words.fullScreen)} ${camera.name}`}
          title={`${t(words.fullScreen)} (F)`}
          onClick={() => void surface.current?.toggleFullScreen()}
        >
          <Icon d="M2 2h5v2H4v3H2zM9 2h5v5h-2V4H9zM2 9h2v3h3v2H2zM12 9h2v5H9v-2h3z" />
        </button>
        {deck.sound && focused && viewing?.recorded.unheard && (
          <small role="status">{t(words.unheard, { codec: viewing.recorded.unheard })}</small>
        )}
        {viewing?.session && viewing.expiresAt - deck.wall() < RENEW_MS && (
          <button type="button" onClick={() => void viewing.renew().catch((error: unknown) => (viewing.refusal = error))}>
            {t(words.renew)} {length(Math.max(0, viewing.expiresAt - deck.wall()))}
          </button>
        )}
      </header>
      <div class="pb-stage">
        <div
          ref={frame}
          class="pb-frame"
          role="group"
          aria-label={camera.name}
          tabIndex={0}
          style={{ width: `min(100cqw, 100cqh * ${shape})`, aspectRatio: String(shape) }}
          onPointerDown={() => !focused && deck.attend(camera.id)}
          onKeyDown={(event) => surface.current?.handleKey(event)}
        >
          {drawing && (drawing.add || whole) && <Regions regions={drawing.regions} add={drawing.add} />}
        </div>
        {viewing && <Why deck={deck} viewing={viewing} camera={camera} />}
      </div>
    </article>
  );
}

/** The canvas within `frame` that shows a viewing's picture under the visible mark. */
function useSurface(
  frame: MutableRef<HTMLDivElement | null>,
  viewing: Viewing | undefined,
  label: string,
): MutableRef<Surface | null> {
  const me = useMe();
  const surface = useRef<Surface | null>(null);
  useEffect(() => {
    if (!frame.current || !viewing) return undefined;
    const text = { unit: me.unit_name || me.unit, name: me.name, staffEnd: me.staff_no_end, terminal: me.terminal };
    const mark = () => {
      const at = viewing.recorded.shownAt;
      return { ...text, now: new Date(), ...(Number.isNaN(at) ? {} : { recorded: new Date(at) }) };
    };
    const made = new Surface(frame.current, viewing.recorded.video, { mark, label });
    surface.current = made;
    return () => {
      surface.current = null;
      made.close();
    };
  }, [viewing, label, me]);
  return surface;
}

/** Why there is no picture; nothing while there is one. */
function Why({ deck, viewing, camera }: { deck: Deck; viewing: Viewing; camera: CameraRow }) {
  const t = useT();
  const { at } = deck.clock;
  const again = (
    <button type="button" onClick={() => deck.retry(camera.id)}>
      {t(words.again)}
    </button>
  );
  if (viewing.refusal !== null) {
    return (
      <div class="pb-why" role="alert">
        <Refusal of={viewing.refusal} />
        {again}
      </div>
    );
  }
  if (viewing.ended !== null) {
    return (
      <div class="pb-why" role="alert">
        <p>{t(words.endedSession)}</p>
        <p>{t(endWords[viewing.ended] ?? { zh: viewing.ended, en: viewing.ended })}</p>
        {again}
      </div>
    );
  }
  const { failure } = viewing;
  if (failure) {
    return (
      <div class="pb-why" role="alert">
        {failure.kind === "refused" ? <Refusal of={new Refused(403, failure.detail as RefusalBody)} /> : <p>{`${t(words[failure.kind])} ${String(failure.detail)}`}</p>}
        {again}
      </div>
    );
  }
  const instant = deck.timelines.of(camera.id).at(at);
  const standing = viewing.standing(at);
  if (instant.is === "gap" && standing !== "ready") {
    const { gap } = instant;
    return (
      <div class="pb-why is-gap">
        <p>
          <strong>{t(words.gap)}</strong> {t(reasonWords(gap.reason))}
        </p>
        <p>{`${stamp(gap.from)} – ${stamp(gap.to)} · ${length(gap.to - gap.from)}`}</p>
      </div>
    );
  }
  if (!deck.why) return null;
  if (standing === "gap" && deck.wall() - at < EDGE_MS) return <div class="pb-why is-quiet">{t(words.waiting)}</div>;
  if (standing === "gap") return <div class="pb-why is-gap">{t(words.none)}</div>;
  const word = standing === "over" ? words.over : words.loading;
  return standing === "ready" ? null : <div class="pb-why is-quiet">{t(word)}</div>;
}

/** Why a session ended: the words of `end_reason`. */
const endWords: Record<string, Both> = {
  user: { zh: "由本人或管理员结束", en: "ended by its user or an administrator" },
  idle: { zh: "长时间未使用", en: "not used for too long" },
  expired: { zh: "时限已到", en: "its time was over" },
  revoked: { zh: "授权被撤销", en: "the grant was revoked" },
  suspended: { zh: "授权或账号被暂停", en: "the grant or the account was suspended" },
  preempted: { zh: "突发事件优先使用", en: "an emergency took priority" },
  camera_lost: { zh: "点位已移除", en: "the camera left the catalogue" },
  too_slow: { zh: "网络过慢", en: "the network was too slow" },
  network: { zh: "网络中断", en: "the network failed" },
  anomaly: { zh: "使用异常", en: "unusual use" },
  shutdown: { zh: "设备停机", en: "the appliance stopped" },
  crash: { zh: "设备异常中断", en: "the appliance crashed" },
};
