// An application on one page: the official form as it is filled in, beside it the unit's standing, what was decided before, and the
// steps that can be taken. Both attachments; which one is told by `kind`.

import { useMe } from "../../api/me";
import type { ResourceForm } from "../../forms/resource";
import { applicationSteps, mayRevise } from "../../forms/stages";
import { link } from "../../router";
import { useAsked } from "../../ui/asked";
import { Refusal } from "../../ui/states";
import { useT } from "../../words";
import type { AnyApplication, Application, AttachmentKind } from "./applied";
import { Decide } from "./decide";
import { History } from "./history";
import { ResourceEditor } from "./resource_form";
import { SheetFoot } from "./sheet";
import { ResourceSheet } from "./sheet_resource";
import { UserSheet } from "./sheet_user";
import { Standing, useSigned } from "./standing";
import { StateTag } from "./state";
import { UserEditor } from "./user_form";
import { w } from "./words";

const isResource = (application: AnyApplication): application is Application<ResourceForm> => "terms" in application.form;

/** The page; `correcting` opens the form instead. */
export function ApplicationPage({ kind, id, correcting }: { kind: AttachmentKind; id: string; correcting: boolean }) {
  const t = useT();
  const path = `/applications/${kind}/${id}`;
  const { value, refused, again } = useAsked<AnyApplication>(path);
  if (!value) return refused ? <Refusal of={refused} /> : <p role="status">{t(w.loading)}</p>;
  if (correcting) return isResource(value) ? <ResourceEditor application={value} /> : <UserEditor application={value} />;
  return (
    <article class="record">
      <Head kind={kind} application={value} />
      <div class="record-columns">
        <div>
          <Sheet application={value} />
          <SheetFoot />
        </div>
        <aside>
          <Steps path={path} application={value} taken={again} />
          <Standing unit={value.unit} user={isResource(value) ? undefined : value.form.user} />
          <History register={`applications/${kind}`} lines={value.history} />
        </aside>
      </div>
    </article>
  );
}

function Head({ kind, application }: { kind: AttachmentKind; application: AnyApplication }) {
  const t = useT();
  const me = useMe();
  return (
    <header class="page-head">
      <div>
        <p class="crumb">
          <a href={link(`work/applications/${kind}`)}>{t(kind === "resource" ? w.resourceForms : w.userForms)}</a>
        </p>
        <h1>
          <code>{application.id}</code> <StateTag register={`applications/${kind}`} state={application.stage} />
        </h1>
      </div>
      <div class="actions">
        {mayRevise(me, application) && (
          <a class="button" href={link(`work/applications/${kind}/${application.id}/correct`)}>
            {t(w.correct)}
          </a>
        )}
        <button type="button" onClick={() => print()}>
          {t(w.print)}
        </button>
      </div>
    </header>
  );
}

function Sheet({ application }: { application: AnyApplication }) {
  const t = useT();
  const signed = useSigned(isResource(application) ? null : application.form.user, application.unit);
  if (isResource(application)) return <ResourceSheet application={application} />;
  return <UserSheet application={application} statement={signed === null ? "" : t(signed ? w.signed : w.unsigned)} />;
}

function Steps({ path, application, taken }: { path: string; application: AnyApplication; taken: () => Promise<void> }) {
  const me = useMe();
  const choices = applicationSteps(me, application);
  return <Decide register="applications" path={path} version={application.version} choices={choices} taken={taken} />;
}
