// Who watches what, the reports, the ledger, the rules.

import { may, useMe } from "../../api/me";
import { useRoute } from "../../router";
import { Tabs } from "../../ui/tabs";
import { useT } from "../../words";
import { Ledger } from "./ledger";
import { Now } from "./now";
import { Policy } from "./policy";
import { Reports } from "./reports";
import { Unusual } from "./unusual";
import { words as w } from "./words";

export default function Oversee() {
  const [t, me, route] = [useT(), useMe(), useRoute()];
  const tabs = [
    { path: "now", title: w.now, open: may(me, "bureau_approver", "security_admin", "unit_principal", "audit_admin") },
    { path: "reports", title: w.reports, open: true },
    { path: "ledger", title: w.ledger, open: may(me, "audit_admin") },
    { path: "unusual", title: w.unusual, open: may(me, "bureau_approver", "security_admin", "audit_admin") },
    { path: "policy", title: w.policy, open: may(me, "security_admin", "audit_admin") },
  ].filter((tab) => tab.open);
  const current = tabs.find((tab) => tab.path === route.path[1])?.path ?? tabs[0]?.path ?? "reports";
  return (
    <article>
      <header class="page-head">
        <h1>{t(w.title)}</h1>
      </header>
      <Tabs base="oversee" tabs={tabs} current={current} label={w.title} />
      {current === "now" && <Now />}
      {current === "reports" && <Reports name={route.path[2]} />}
      {current === "ledger" && <Ledger />}
      {current === "unusual" && <Unusual />}
      {current === "policy" && <Policy />}
    </article>
  );
}
