// The exports that one asked for: where each stands, how far its rendering is, and its package.

import { useEffect, useState } from "preact/hooks";
import { blob, get } from "../../api/client";
import { useMe } from "../../api/me";
import { Progress, Refusal, Tag } from "../../ui/states";
import { bytes, useT, when, type Both } from "../../words";
import { stages, words } from "./words";

interface Export {
  id: string;
  requester: string;
  stage: string;
  form: { camera: string; from: string; to: string; recipient: string };
  sealed?: { bytes: number } | null;
  progress?: { share: number; doing: Both } | null;
  history: { at: string; to: string; reason?: string | null }[];
}

/** How often the list is read again: often while something is being rendered. */
const BUSY_MS = 1_000;
const IDLE_MS = 10_000;
/** Shown are the newest. */
const SHOWN_MAX = 20;
const TONES: Record<string, "good" | "warn" | "bad" | "quiet"> = { ready: "good", collected: "good", refused: "bad", failed: "bad", rendering: "warn" };
const BUSY = ["released", "rendering"];

export function Exports({ round }: { round: number }) {
  const t = useT();
  const me = useMe();
  const [list, setList] = useState<Export[] | null>(null);
  const [refusal, setRefusal] = useState<unknown>(null);
  const [again, setAgain] = useState(0);
  useEffect(() => {
    let timer = 0;
    let over = false;
    const read = async () => {
      try {
        const mine = (await everyExport()).filter((each) => each.requester === me.id);
        if (over) return;
        setList(mine.reverse().slice(0, SHOWN_MAX));
        setRefusal(null);
        timer = window.setTimeout(read, mine.some((each) => BUSY.includes(each.stage)) ? BUSY_MS : IDLE_MS);
      } catch (error) {
        if (!over) setRefusal(error);
      }
    };
    void read();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [me.id, round, again]);
  if (refusal !== null) return <Refusal of={refusal} />;
  if (list?.length === 0) return <p class="quiet">{t(words.noExports)}</p>;
  return (
    <ul class="pb-list" aria-live="polite">
      {list?.map((each) => (
        <Row key={each.id} of={each} onCollected={() => setAgain((n) => n + 1)} />
      ))}
    </ul>
  );
}

/** All pages: the newest are on the last. */
async function everyExport(): Promise<Export[]> {
  const out: Export[] = [];
  let cursor: string | null | undefined = "";
  while (cursor !== null && cursor !== undefined) {
    const more: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    const page: { items: Export[]; next?: string | null } = await get(`/exports?limit=500${more}`);
    out.push(...page.items);
    cursor = page.next;
  }
  return out;
}

function Row({ of, onCollected }: { of: Export; onCollected(): void }) {
  const t = useT();
  const [collecting, setCollecting] = useState(false);
  const [refusal, setRefusal] = useState<unknown>(null);
  const last = of.history.at(-1);
  const name = `${of.id}.zip`;
  const collect = async () => {
    setCollecting(true);
    try {
      save(await blob(`/exports/${of.id}/package`), name);
      onCollected();
    } catch (error) {
      setRefusal(error);
    } finally {
      setCollecting(false);
    }
  };
  return (
    <li data-export={of.id} data-stage={of.stage}>
      <p>
        <strong>{of.form.camera}</strong> {when(of.form.from)} – {when(of.form.to)}
      </p>
      <p>
        <Tag tone={TONES[of.stage]}>{t(stages[of.stage] ?? { zh: of.stage, en: of.stage })}</Tag>
        <span class="quiet">{of.form.recipient}</span>
      </p>
      {of.stage === "rendering" && (
        <>
          <Progress share={of.progress?.share ?? 0} label={words.rendering} />
          <p class="quiet">{of.progress && t(of.progress.doing)}</p>
        </>
      )}
      {["refused", "failed"].includes(of.stage) && last?.reason && <p>{`${t(words.refusedBecause)}: ${last.reason}`}</p>}
      {["ready", "collected"].includes(of.stage) && (
        <>
          <button type="button" disabled={collecting} onClick={() => void collect()}>
            {t(collecting ? words.collecting : words.collect)}
            {of.sealed && ` (${bytes(of.sealed.bytes)})`}
          </button>
          <p class="quiet">
            {t(words.verifyWith)} <code>{`sluice verify-export ${name}`}</code>
          </p>
        </>
      )}
      <Refusal of={refusal} />
    </li>
  );
}

/** Hands a file to the browser. */
function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const anchor = document.createElement("a");
  [anchor.href, anchor.download] = [url, name];
  anchor.click();
  // The browser has taken it once its own turn is over.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
