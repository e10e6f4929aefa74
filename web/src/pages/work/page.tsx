// The Work pages: the inbox, the forms, the exports and the registers, each for those whom it concerns.

import registers from "virtual:registers";

import { type Me, useMe } from "../../api/me";
import { type Register, mayFile, mayRead } from "../../registers/rules";
import { registerWord } from "../../registers/words";
import { link, useRoute } from "../../router";
import { useT } from "../../words";
import { ApplicationPage } from "./application";
import { Applications } from "./applications";
import { ExportPage } from "./export";
import { Exports } from "./exports";
import { Inbox } from "./inbox";
import { RegisterForm } from "./register_form";
import { RegisterList } from "./register_list";
import { RegisterRecord } from "./register_record";
import { ResourceEditor } from "./resource_form";
import { Statements } from "./statements";
import { UsageRegister } from "./usage";
import { UserEditor } from "./user_form";
import { w } from "./words";
import "./work.css";
import "./print.css";

/** The registers by what they are for, as they stand in the navigation. */
const GROUPS = [
  { name: w.groupDuty, registers: ["duty-shifts", "duty-logs", "findings", "incidents", "emergencies", "disposal-plans", "calendar-days"] },
  { name: w.groupPeople, registers: ["training-records", "staff-statements", "unit-statements", "statement-texts"] },
  { name: w.groupPlaces, registers: ["connection-points", "point-reviews", "police-filings", "site-purposes"] },
  { name: w.groupSafety, registers: ["terminals", "network-zones", "suspensions", "unit-suspensions"] },
];

const APPLICANTS = ["unit_admin", "unit_principal", "bureau_approver", "audit_admin", "security_admin"];
const STATIONED = ["unit_principal", "unit_admin", "operator", "incident_commander", "owner_maintainer"];

const shown = (register: Register, me: Me) => mayRead(register, me) || mayFile(register, me);

interface Entry {
  path: string;
  name: { zh: string; en: string };
}

function general(me: Me): Entry[] {
  const has = (roles: string[]) => me.roles.some((role) => roles.includes(role));
  const entries: [boolean, string, Entry["name"]][] = [
    [true, "inbox", w.inbox],
    [has(APPLICANTS), "applications/resource", w.resourceForms],
    [has(APPLICANTS), "applications/user", w.userForms],
    [has(STATIONED), "statements", w.statements],
    [true, "exports", w.exports],
    [true, "usage", w.usage],
  ];
  return entries.filter(([here]) => here).map(([, path, name]) => ({ path, name }));
}

/** The page under `work/`. */
export default function Work() {
  const t = useT();
  const path = useRoute().path.slice(1);
  return (
    <div class="work">
      <nav class="work-nav" aria-label={t(w.work)}>
        <Navigation path={path} />
      </nav>
      <div class="work-page" key={path.join("/")}>
        <Inner path={path} />
      </div>
    </div>
  );
}

function Navigation({ path }: { path: string[] }) {
  const t = useT();
  const me = useMe();
  const here = path.join("/") || "inbox";
  const entry = ({ path: to, name }: Entry) => (
    <li key={to}>
      <a href={link(`work/${to}`)} aria-current={here === to || here.startsWith(`${to}/`) ? "page" : undefined}>
        {t(name)}
      </a>
    </li>
  );
  return (
    <>
      <ul>{general(me).map(entry)}</ul>
      {GROUPS.map((group) => {
        const known = group.registers.flatMap((name) => registers.filter((register) => register.name === name));
        const those = known.filter((register) => shown(register, me));
        if (those.length === 0) return null;
        return (
          <section key={group.name.en}>
            <h2>{t(group.name)}</h2>
            <ul>{those.map((register) => entry({ path: `register/${register.name}`, name: registerWord(register.name) }))}</ul>
          </section>
        );
      })}
    </>
  );
}

function Inner({ path }: { path: string[] }) {
  const [part = "inbox", kind = "", id = "", doing = ""] = path;
  if (part === "inbox") return <Inbox />;
  if (part === "usage") return <UsageRegister />;
  if (part === "statements") return <Statements />;
  if (part === "exports") return kind ? <ExportPage id={kind} /> : <Exports />;
  if (part === "applications" && (kind === "resource" || kind === "user")) {
    if (id === "new") return kind === "resource" ? <ResourceEditor /> : <UserEditor />;
    return id ? <ApplicationPage kind={kind} id={id} correcting={doing === "correct"} /> : <Applications kind={kind} />;
  }
  return part === "register" ? <OfRegister name={kind} id={id} doing={doing} /> : <Unknown />;
}

function OfRegister({ name, id, doing }: { name: string; id: string; doing: string }) {
  const me = useMe();
  const register = registers.find((one) => one.name === name);
  if (!register || !shown(register, me)) return <Unknown />;
  if (id === "new") return mayFile(register, me) ? <RegisterForm register={register} /> : <Unknown />;
  return id ? <RegisterRecord register={register} id={id} correcting={doing === "correct"} /> : <RegisterList register={register} />;
}

function Unknown() {
  return <p class="empty">{useT()(w.unknownPage)}</p>;
}
