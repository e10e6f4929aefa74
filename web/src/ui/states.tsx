// What stands where there is nothing else yet: loading, empty, refused, progress.

import { type Refusal as Said, refusalOf } from "../api/client";
import { useT, type Both } from "../words";

const w = {
  loading: { zh: "正在读取…", en: "Loading…" },
  basis: { zh: "依据", en: "Basis" },
  remedy: { zh: "办法", en: "What helps" },
  request: { zh: "请求编号", en: "Request" },
  row: { zh: "第 {row} 行", en: "Line {row}" },
};

export function Loading() {
  const t = useT();
  return (
    <p class="loading" role="status">
      {t(w.loading)}
    </p>
  );
}

export function Empty({ of }: { of: Both }) {
  const t = useT();
  return <p class="empty">{t(of)}</p>;
}

/** Why not: message, code, articles, remedy. Draws nothing for no error. */
export function Refusal({ of }: { of: unknown }) {
  const t = useT();
  if (!of) return null;
  const said: Said = isRefusal(of) ? of : refusalOf(of);
  return (
    <div class="refusal" role="alert">
      <strong>{t(said.message)}</strong>
      {said.remedy && (
        <p>
          {t(w.remedy)}:{said.remedy}
        </p>
      )}
      {said.rows && said.rows.length > 0 && <Rows of={said.rows} />}
      <p class="fine">
        <code>{said.code}</code>
        {said.articles.length > 0 && ` · ${t(w.basis)} ${said.articles.join("、")}`}
        {said.request_id && ` · ${t(w.request)} ${said.request_id}`}
      </p>
    </div>
  );
}

/** The faulty rows of a file. */
function Rows({ of }: { of: NonNullable<Said["rows"]> }) {
  const t = useT();
  return (
    <ul class="faulty-rows">
      {of.map((one) => (
        <li key={`${one.row} ${one.field} ${one.en}`}>
          {t(w.row, { row: one.row })} {one.field && <code>{one.field}</code>} {t(one)}
        </li>
      ))}
    </ul>
  );
}

function isRefusal(of: unknown): of is Said {
  return typeof of === "object" && of !== null && "code" in of && "message" in of && typeof of.message === "object";
}

export function Progress({ share, label }: { share: number; label: Both }) {
  const t = useT();
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  return (
    <div class="progress">
      <progress max={100} value={percent} aria-label={t(label)} />
      <span>{percent} %</span>
    </div>
  );
}

/** A word with a colour, for states. */
export function Tag({ tone, children }: { tone?: "good" | "warn" | "bad" | "quiet"; children: preact.ComponentChildren }) {
  return <span class={`tag ${tone ?? "quiet"}`}>{children}</span>;
}
