// A table of rows: columns, an empty state, more on demand.

import type { ComponentChildren } from "preact";

import { useT, type Both } from "../words";
import { Empty } from "./states";

export interface Column<T> {
  title: Both;
  cell: (row: T) => ComponentChildren;
  /** Numbers stand at the right. */
  number?: boolean;
}

const w = { nothing: { zh: "没有记录。", en: "No records." }, more: { zh: "更多", en: "More" } };

export function Table<T>({ rows, columns, keyOf, onMore, empty, caption }: { rows: T[]; columns: Column<T>[]; keyOf: (row: T) => string; onMore?: (() => void) | null; empty?: Both; caption?: Both }) {
  const t = useT();
  if (rows.length === 0) return <Empty of={empty ?? w.nothing} />;
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label={caption && t(caption)}>
      <table class="rows">
        {caption && <caption class="unseen">{t(caption)}</caption>}
        <thead>
          <tr>
            {columns.map((column) => (
              <th scope="col" class={column.number ? "number" : ""} key={column.title.en}>
                {t(column.title)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column) => (
                <td class={column.number ? "number" : ""} key={column.title.en}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {onMore && (
        <button type="button" class="more" onClick={onMore}>
          {t(w.more)}
        </button>
      )}
    </div>
  );
}
