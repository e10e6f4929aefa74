// The pages: one line each. What a role may not do is not in its menu; the API decides in any case.

import type { ComponentType } from "preact";

import type { Role } from "./api/me";
import type { Both } from "./words";

export interface PageEntry {
  /** The first part of its address. */
  path: string;
  title: Both;
  /** Whose menu it is in. */
  roles: Role[];
  load: () => Promise<{ default: ComponentType }>;
}

/** Whoever files, decides or oversees. */
const CLERKS: Role[] = ["operator", "incident_commander", "unit_admin", "unit_principal", "bureau_approver", "catalogue_admin", "export_officer", "owner_maintainer", "security_admin", "audit_admin"];

export const PAGES: PageEntry[] = [
  { path: "watch", title: { zh: "查看", en: "Watch" }, roles: ["operator", "incident_commander"], load: () => import("./pages/watch/page") },
  { path: "playback", title: { zh: "回放", en: "Playback" }, roles: ["operator", "incident_commander", "unit_principal", "bureau_approver"], load: () => import("./pages/playback/page") },
  { path: "work", title: { zh: "业务办理", en: "Work" }, roles: CLERKS, load: () => import("./pages/work/page") },
  { path: "oversee", title: { zh: "监督", en: "Oversee" }, roles: ["audit_admin", "bureau_approver", "security_admin", "unit_principal"], load: () => import("./pages/oversee/page") },
  { path: "operate", title: { zh: "运行", en: "Operate" }, roles: ["system_admin", "owner_maintainer", "catalogue_admin", "security_admin"], load: () => import("./pages/operate/page") },
  { path: "account", title: { zh: "账号", en: "Account" }, roles: [], load: () => import("./pages/account/page") },
];
