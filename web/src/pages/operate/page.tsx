// How the appliance is: cameras, metrics, log.

import { may, useMe } from "../../api/me";
import { useRoute } from "../../router";
import { Tabs } from "../../ui/tabs";
import { useT } from "../../words";
import { Cameras } from "./cameras";
import { Log } from "./log";
import { Metrics } from "./metrics";
import { words as w } from "./words";

export default function Operate() {
  const [t, me, route] = [useT(), useMe(), useRoute()];
  const runs = may(me, "system_admin");
  const tabs = [
    { path: "cameras", title: w.cameras, open: true },
    { path: "metrics", title: w.metrics, open: runs },
    { path: "log", title: w.log, open: runs },
  ].filter((tab) => tab.open);
  const current = tabs.find((tab) => tab.path === route.path[1])?.path ?? "cameras";
  return (
    <article>
      <header class="page-head">
        <h1>{t(w.title)}</h1>
      </header>
      <Tabs base="operate" tabs={tabs} current={current} label={w.title} />
      {current === "cameras" && <Cameras />}
      {current === "metrics" && <Metrics />}
      {current === "log" && <Log />}
    </article>
  );
}
