// Attachment 1 as the official form, filled in.

import { toldDay } from "../../forms/moments";
import { type ResourceForm, type Terms, lastOf } from "../../forms/resource";
import { stepWord } from "../../registers/words";
import { language, useT } from "../../words";
import type { Application } from "./applied";
import { named, useCameras, usePeople, usePurposes, useUnits } from "./names";
import { Official, Opinion, Pair, Whole } from "./official";
import { DAY_WORDS, VERB_WORDS, w } from "./words";

const DECISIONS = ["approve", "refuse", "return"];
const DAY_S = 86_400;

/** The sheet. */
export function ResourceSheet({ application }: { application: Application<ResourceForm> }) {
  const t = useT();
  const tongue = language();
  const { form, history } = application;
  const { terms } = form;
  const units = useUnits();
  const endorsed = [...history].reverse().find((line) => line.step === "endorse");
  const decided = [...history].reverse().find((line) => DECISIONS.includes(line.step ?? ""));
  const name = usePeople([application.requester, endorsed?.by, decided?.by, ...(terms.users ?? [])]);
  const filed = `${name(application.requester)} ${toldDay(history[0]?.at, tongue)}`;
  return (
    <Official attachment={1} title={w.a1Title} number={application.id}>
      <Pair cells={[[w.applicantUnit, named(units, application.unit)], [w.creditCode, form.credit_code]]} />
      <Pair cells={[[w.responsible, form.responsible_person], [w.contact, form.contact]]} />
      <Whole label={w.camerasOrAreas}>
        <Places terms={terms} />
      </Whole>
      <Whole label={w.purposes}>
        <Purposes codes={terms.purposes} />
      </Whole>
      <Whole label={w.narrative}>
        <span class="as-written">{form.narrative}</span>
      </Whole>
      <Pair cells={[[w.verbs, terms.verbs.map((verb) => t(VERB_WORDS[verb] ?? { zh: verb, en: verb })).join("、")], [w.profile, t(terms.profile === "sub" ? w.profileSub : w.profileMain)]]} />
      <Pair cells={[[w.validity, `${toldDay(terms.valid_from, tongue)} – ${toldDay(lastOf(terms.valid_to), tongue)}`], [w.hours, <Hours terms={terms} />]]} />
      <Pair cells={[[w.users, (terms.users ?? []).map(name).join("、") || t(w.any)], [w.terminals, (terms.terminals ?? []).join("、") || t(w.any)]]} />
      <Pair cells={[[w.playbackDays, terms.playback_depth_s ? Math.ceil(terms.playback_depth_s / DAY_S) : t(w.any)], [w.maxConcurrent, terms.max_concurrent ?? t(w.any)]]} />
      <Pair cells={[[w.level, terms.security_level ?? 1], [w.onDuty, t(terms.on_duty ? w.yes : w.no)]]} />
      <Pair cells={[[w.statementNumber, form.statement_number], [w.emergency, t(form.emergency ? w.yes : w.no)]]} />
      <Whole label={w.applicant}>{filed}</Whole>
      <Opinion label={w.unitOpinion} word={t(stepWord("", "endorse"))} line={endorsed} name={name} />
      <Opinion label={w.bureauOpinion} word={decided ? t(stepWord("", decided.step ?? "")) : ""} line={decided} name={name} />
    </Official>
  );
}

function Places({ terms }: { terms: Terms }) {
  const cameras = useCameras();
  const t = useT();
  const list = terms.cameras ?? [];
  return (
    <>
      {list.map((id) => {
        const camera = cameras.find((one) => one.id === id);
        return (
          <span key={id} class="place">
            {camera ? `${camera.name}(${camera.location_name})` : id}
          </span>
        );
      })}
      {(terms.areas ?? []).map((area) => (
        <span key={area} class="place">
          {t(w.areas)}: {area}
        </span>
      ))}
    </>
  );
}

function Purposes({ codes }: { codes: string[] }) {
  const purposes = usePurposes();
  const tongue = language();
  return (
    <ul class="purposes">
      {codes.map((code) => {
        const purpose = purposes.find((one) => one.code === code);
        return (
          <li key={code}>
            <b>{code}</b> {purpose?.[tongue]} {purpose && <small>({purpose.article})</small>}
          </li>
        );
      })}
    </ul>
  );
}

function Hours({ terms }: { terms: Terms }) {
  const t = useT();
  const { hours } = terms;
  if (!hours) return <>{t(w.any)}</>;
  const days = (hours.days ?? []).map((day) => t(DAY_WORDS[day] ?? { zh: day, en: day })).join("、");
  return (
    <>
      {hours.from}–{hours.to} {days}
    </>
  );
}
