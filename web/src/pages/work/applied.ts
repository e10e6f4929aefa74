// An application as the API gives it.

import type { ResourceForm } from "../../forms/resource";
import type { UserForm } from "../../forms/user";
import type { Line } from "./history";

/** Which attachment. */
export type AttachmentKind = "resource" | "user";

/** An application as the API gives it. */
export interface Application<F> {
  id: string;
  unit: string;
  requester: string;
  endorser?: string | null;
  approver?: string | null;
  grant?: string | null;
  stage: string;
  form: F;
  earlier_forms?: F[];
  history: Line[];
  version: number;
}

/** Either attachment's. */
export type AnyApplication = Application<ResourceForm> | Application<UserForm>;
