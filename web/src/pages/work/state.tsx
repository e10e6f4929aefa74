// Where something stands, as a word with a colour; the word says it all, the colour only helps to find it.

import { stateWord } from "../../registers/words";
import { Tag } from "../../ui/states";
import { useT } from "../../words";

const GOOD = ["granted", "in_force", "signed", "connected", "confirmed", "verified", "approved", "ready", "collected", "reviewed", "settled"];
const WAITS = ["draft", "endorsed", "submitted", "accepted", "active", "open", "reported", "rectified", "rectifying", "signed_by_staff", "taken_up", "released", "rendering", "should_connect", "to_file", "planned", "closed", "lapsed"];
const BAD = ["overdue", "refused", "returned", "revoked", "suspended", "upheld", "failed"];

const tone = (state: string) => (BAD.includes(state) ? "bad" : GOOD.includes(state) ? "good" : WAITS.includes(state) ? "warn" : "quiet");

/** The state of a record of a register, an application or an export. */
export function StateTag({ register, state }: { register: string; state: string }) {
  return <Tag tone={tone(state)}>{useT()(stateWord(register, state))}</Tag>;
}
