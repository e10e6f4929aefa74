// Who is signed in.

import { createContext } from "preact";
import { useContext } from "preact/hooks";

export type Role =
  | "bureau_approver"
  | "catalogue_admin"
  | "system_admin"
  | "security_admin"
  | "audit_admin"
  | "unit_principal"
  | "unit_admin"
  | "operator"
  | "incident_commander"
  | "owner_maintainer"
  | "export_officer"
  | "service"
  | "metrics_reader";

export interface Me {
  id: string;
  user: string;
  name: string;
  unit: string;
  unit_name: string;
  staff_no_end: string;
  roles: Role[];
  terminal: string;
  must_change_password: boolean;
  must_enrol_second_factor: boolean;
  second_factor: boolean;
  expires_at?: string | null;
  idle_seconds: number;
}

export const MeContext = createContext<Me | null>(null);

/** Within the frame somebody is signed in. */
export function useMe(): Me {
  const me = useContext(MeContext);
  if (!me) throw new Error("nobody is signed in");
  return me;
}

/** One of the roles is held. */
export function may(me: Me, ...roles: Role[]): boolean {
  return roles.some((role) => me.roles.includes(role));
}
