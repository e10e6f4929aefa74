// Tabs whose choice is part of the address.

import { link } from "../router";
import { useT, type Both } from "../words";

export function Tabs({ base, tabs, current, label }: { base: string; tabs: { path: string; title: Both }[]; current: string; label: Both }) {
  const t = useT();
  return (
    <nav class="tabs" aria-label={t(label)}>
      {tabs.map((tab) => (
        <a key={tab.path} href={link(`${base}/${tab.path}`)} aria-current={tab.path === current ? "page" : undefined}>
          {t(tab.title)}
        </a>
      ))}
    </nav>
  );
}
