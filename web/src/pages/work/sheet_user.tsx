// Attachment 2 as the official form, filled in.

import { toldDay } from "../../forms/moments";
import type { UserForm } from "../../forms/user";
import { stepWord } from "../../registers/words";
import { language, useT } from "../../words";
import type { Application } from "./applied";
import { named, usePeople, useUnits } from "./names";
import { Official, Opinion, Pair, Whole } from "./official";
import { ROLE_WORDS, w } from "./words";

/** The sheet; `statement` says whether the person has signed theirs. */
export function UserSheet({ application, statement }: { application: Application<UserForm>; statement: string }) {
  const t = useT();
  const tongue = language();
  const { form, history } = application;
  const units = useUnits();
  const endorsed = [...history].reverse().find((line) => line.step === "endorse");
  const decided = [...history].reverse().find((line) => ["approve", "refuse", "return"].includes(line.step ?? ""));
  const name = usePeople([application.requester, form.user, endorsed?.by, decided?.by]);
  const roles = form.roles.map((role) => t(ROLE_WORDS[role] ?? { zh: role, en: role })).join("、");
  return (
    <Official attachment={2} title={w.a2Title} number={application.id}>
      <Pair cells={[[w.personName, form.name], [w.applicantUnit, named(units, application.unit)]]} />
      <Pair cells={[[w.post, form.post], [w.staffNumber, form.staff_number]]} />
      <Pair cells={[[w.phone, form.phone], [w.account, name(form.user)]]} />
      <Whole label={w.roles}>{roles}</Whole>
      <Pair cells={[[w.trainedAt, toldDay(form.trained_at, tongue)], [w.staffStatement, statement]]} />
      <Whole label={w.applicant}>{`${name(application.requester)} ${toldDay(history[0]?.at, tongue)}`}</Whole>
      <Opinion label={w.unitOpinion} word={t(stepWord("", "endorse"))} line={endorsed} name={name} />
      <Opinion label={w.bureauOpinion} word={decided ? t(stepWord("", decided.step ?? "")) : ""} line={decided} name={name} />
    </Official>
  );
}
