// The pieces of an official form, on the screen as on paper: numbered label cells, opinion cells with signature lines.

import type { ComponentChildren } from "preact";

import { toldDay } from "../../forms/moments";
import type { Both } from "../../words";
import { language, useT } from "../../words";
import type { Line } from "./history";
import { w } from "./words";

/** The sheet: its attachment's number, its title, its own number, and its rows. */
export function Official({ attachment, title, number, children }: { attachment: number; title: Both; number: string; children: ComponentChildren }) {
  const t = useT();
  return (
    <section class="official">
      <p class="official-attachment">{t(w.attachment, { n: attachment })}</p>
      <h2>{t(title)}</h2>
      <p class="official-number">
        {t(w.number)}: {number}
      </p>
      <table>
        <colgroup>
          <col class="label" />
          <col />
          <col class="label" />
          <col />
        </colgroup>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

/** A row of two labelled cells. */
export function Pair({ cells }: { cells: [Both, ComponentChildren][] }) {
  const t = useT();
  return (
    <tr>
      {cells.map(([label, value]) => (
        <>
          <th scope="row">{t(label)}</th>
          <td>{value || "—"}</td>
        </>
      ))}
    </tr>
  );
}

/** A row of one labelled cell. */
export function Whole({ label, children }: { label: Both; children: ComponentChildren }) {
  const t = useT();
  return (
    <tr>
      <th scope="row">{t(label)}</th>
      <td colSpan={3}>{children || "—"}</td>
    </tr>
  );
}

/** A row for an opinion, with what was written, by whom and when; or room for it. */
export function Opinion({ label, word, line, name }: { label: Both; word: string; line: Line | undefined; name: (id: string | null | undefined) => string }) {
  const t = useT();
  const tongue = language();
  return (
    <tr class="opinion">
      <th scope="row">{t(label)}</th>
      <td colSpan={3}>
        <p>{line ? [word, line.reason].filter(Boolean).join(tongue === "zh" ? ":" : ": ") : ""}</p>
        <p class="signature">
          <span>
            {t(w.signature)}: <u>{line ? name(line.by) : ""}</u>
          </span>
          <time>{line ? toldDay(line.at, tongue) : tongue === "zh" ? "年  月  日" : "Date:"}</time>
        </p>
      </td>
    </tr>
  );
}
