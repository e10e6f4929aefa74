// The texts of responsibility statements that are in force.

import { useAsked } from "../../ui/asked";

/** A text. */
export interface StatementText {
  id: string;
  signer: string;
  text_version: string;
  text: string;
  hash: string;
  since: string;
}

/** Those in force for a signer; one, or none where none was ever published. */
export function useVersions(signer: "unit" | "staff"): StatementText[] {
  const { value } = useAsked<{ items: StatementText[] }>("/statement-texts?state=in_force&limit=10");
  return (value?.items ?? []).filter((text) => text.signer === signer);
}
