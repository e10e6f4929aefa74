// Denials by article: how often each article was the reason, as bars beside their numbers.

import { locale, useT } from "../../words";
import { w } from "./report_words";

export function Bars({ rows }: { rows: Record<string, unknown>[] }) {
  const t = useT();
  const sums = new Map<string, number>();
  for (const { article, count } of rows) {
    if (typeof article === "string" && typeof count === "number") sums.set(article, (sums.get(article) ?? 0) + count);
  }
  const all = [...sums].sort(([, a], [, b]) => b - a);
  const most = all[0]?.[1] ?? 1;
  if (all.length === 0) return null;
  return (
    <figure class="bars">
      <figcaption>{t(w.denials)}</figcaption>
      <dl>
        {all.map(([article, count]) => (
          <div key={article}>
            <dt>{article}</dt>
            <dd>
              <meter min={0} max={most} value={count} aria-label={`${article}: ${count}`} /> {count.toLocaleString(locale())}
            </dd>
          </div>
        ))}
      </dl>
    </figure>
  );
}
