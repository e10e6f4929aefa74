// How the appliance is: cameras, volumes and cores, metrics, the configuration in force, log.

import { may, useMe } from "../../api/me";
import { useRoute } from "../../router";
import { Tabs } from "../../ui/tabs";
import { useT } from "../../words";
import { Accounts } from "./accounts";
import { Cameras } from "./cameras";
import { Catalogue } from "./catalogue";
import { Config } from "./config";
import { Log } from "./log";
import { Machine } from "./machine";
import { Metrics } from "./metrics";
import { words as w } from "./words";

export default function Operate() {
  const [t, me, route] = [useT(), useMe(), useRoute()];
  const runs = may(me, "system_admin");
  const tabs = [
    // What the machine's administrator may know of cameras is in the metrics.
    { path: "cameras", title: w.cameras, open: may(me, "owner_maintainer", "catalogue_admin") },
    { path: "catalogue", title: w.catalogue, open: may(me, "catalogue_admin") },
    { path: "accounts", title: w.accounts, open: may(me, "security_admin") },
    { path: "machine", title: w.machine, open: runs },
    { path: "metrics", title: w.metrics, open: runs },
    { path: "config", title: w.config, open: runs },
    { path: "log", title: w.log, open: runs },
  ].filter((tab) => tab.open);
  const current = tabs.find((tab) => tab.path === route.path[1])?.path ?? tabs[0]?.path ?? "";
  return (
    <article>
      <header class="page-head">
        <h1>{t(w.title)}</h1>
      </header>
      <Tabs base="operate" tabs={tabs} current={current} label={w.title} />
      {current === "cameras" && <Cameras />}
      {current === "catalogue" && <Catalogue id={route.path[2] ?? ""} />}
      {current === "accounts" && <Accounts id={route.path[2] ?? ""} me={me} />}
      {current === "machine" && <Machine />}
      {current === "metrics" && <Metrics />}
      {current === "config" && <Config />}
      {current === "log" && <Log />}
    </article>
  );
}
