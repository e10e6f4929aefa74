// Attachment 3 and the staff's statement: the text in force is read, then signed. A unit's is signed by its principal, one's own by
// oneself; what is signed is the version and its hash.

import { useState } from "preact/hooks";

import * as api from "../../api/client";
import { useMe } from "../../api/me";
import { ahead, fromField, told, toldDay } from "../../forms/moments";
import type { Entry } from "../../registers/rules";
import { useAsked } from "../../ui/asked";
import { Refusal } from "../../ui/states";
import { language, useT } from "../../words";
import { useDoing } from "./asking";
import { named, usePeople, useUnits } from "./names";
import { SheetFoot } from "./sheet";
import { type StatementText, useVersions } from "./statement_texts";
import { w } from "./words";

/** How long a signature holds: a year. */
const TERM_MIN = 365 * 1440;

/** The page. */
export function Statements() {
  const t = useT();
  const me = useMe();
  const signsUnit = me.roles.includes("unit_principal");
  const [signer, set] = useState<"unit" | "staff">(signsUnit ? "unit" : "staff");
  const text = useVersions(signer)[0];
  return (
    <article class="statement">
      <header class="page-head">
        <div>
          <h1>{t(w.signHere)}</h1>
          <p class="about">{t(w.readText)}</p>
        </div>
        <div class="actions">
          {(["unit", "staff"] as const).map((one) => (
            <button type="button" key={one} aria-pressed={signer === one} onClick={() => set(one)}>
              {t(one === "unit" ? w.signUnit : w.signSelf)}
            </button>
          ))}
          <button type="button" onClick={() => print()}>
            {t(w.print)}
          </button>
        </div>
      </header>
      {text ? <Statement key={text.id} signer={signer} text={text} /> : <p class="empty">{t(w.noText)}</p>}
    </article>
  );
}

function Statement({ signer, text }: { signer: "unit" | "staff"; text: StatementText }) {
  const t = useT();
  const me = useMe();
  const units = useUnits();
  const register = signer === "unit" ? "unit-statements" : "staff-statements";
  const whose = signer === "unit" ? `unit=${me.unit}&state=signed` : `user=${me.id}`;
  const signed = useAsked<{ items: Entry[] }>(`/${register}?${whose}&limit=100`);
  const mine = signed.value?.items.find((entry) => entry.text_version === text.text_version && ["signed", "signed_by_staff", "in_force"].includes(entry.state));
  return (
    <section class="official statement-sheet">
      {signer === "unit" && <p class="official-attachment">{t(w.attachment, { n: 3 })}</p>}
      <h2>{t(signer === "unit" ? w.a3Title : w.staffStatement)}</h2>
      <p>
        {t(w.partyA)}: {signer === "unit" ? t(w.bureau) : named(units, me.unit)}
        <br />
        {t(w.partyB)}: {signer === "unit" ? named(units, me.unit) : me.name}
      </p>
      <div class="statement-text">{text.text}</div>
      <p class="statement-hash">
        {t(w.version)}: {text.text_version} · {t(w.textHash)}: <code>{text.hash}</code>
      </p>
      <Signature signer={signer} entry={mine} />
      {!mine && (signer === "staff" || me.roles.includes("unit_principal")) && <Sign signer={signer} text={text} register={register} taken={signed.again} />}
      <SheetFoot />
    </section>
  );
}

function Signature({ signer, entry }: { signer: "unit" | "staff"; entry: Entry | undefined }) {
  const t = useT();
  const tongue = language();
  const name = usePeople([entry?.filed_by]);
  return (
    <>
      {entry && (
        <p class="statement-signed" role="status">
          {t(w.alreadySigned, { d: told(String(entry.valid_to)) })}
        </p>
      )}
      <table class="signatures">
        <tbody>
          <tr>
            <td>
              {t(w.partyA)} {t(w.signature)}:
            </td>
            <td>
              {t(w.partyB)} {t(w.signature)}: <u>{entry ? (signer === "unit" ? String(entry.principal) : name(entry.filed_by)) : ""}</u>
              <br />
              {entry ? toldDay(entry.filed_at, tongue) : ""}
            </td>
          </tr>
        </tbody>
      </table>
    </>
  );
}

function Sign({ signer, text, register, taken }: { signer: "unit" | "staff"; text: StatementText; register: string; taken: () => Promise<void> }) {
  const t = useT();
  const me = useMe();
  const [read, set] = useState(false);
  const { busy, refusal, run } = useDoing();
  const sign = () =>
    run(async () => {
      const valid_to = fromField(ahead(new Date(), TERM_MIN));
      const body = { text_version: text.text_version, valid_to, ...(signer === "unit" ? { principal: me.name } : { user: me.id }) };
      await api.post<Entry>(`/${register}`, body);
      await taken();
    });
  return (
    <div class="sign">
      <label class="box">
        <input type="checkbox" checked={read} onChange={(event) => set(event.currentTarget.checked)} />
        <span>{t(w.iHaveRead)}</span>
      </label>
      <Refusal of={refusal} />
      <button type="button" class="main" disabled={!read || busy} onClick={sign}>
        {t(signer === "unit" ? w.signUnit : w.signSelf)}
      </button>
    </div>
  );
}
