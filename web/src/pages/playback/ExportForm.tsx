// Asks for an export of what is selected: for whom, on what, and what is made unrecognisable in it.

import { useState } from "preact/hooks";
import { post } from "../../api/client";
import { Refusal } from "../../ui/states";
import { ChoiceField, ProseField, TextField } from "../../ui/field";
import { useT, type Both } from "../../words";
import { bounded, exportForm, faultsOf, REGIONS_MAX, type Draft, type Faults, type Region } from "./request";
import type { Deck } from "./deck";
import { Selected } from "./Selected";
import { purposeOptions, type Purpose } from "./WhyForm";
import { words } from "./words";

interface Props {
  deck: Deck;
  purposes: readonly Purpose[];
  draft: Draft;
  setDraft(draft: Draft): void;
  drawing: boolean;
  setDrawing(on: boolean): void;
  onFiled(): void;
}

export function ExportForm({ deck, purposes, draft, setDraft, drawing, setDrawing, onFiled }: Props) {
  const t = useT();
  const [refusal, setRefusal] = useState<unknown>(null);
  const faults = faultsOf(draft, deck.selection, deck.wall());
  const fault: FaultOf = (field) => {
    const key = faults[field];
    return key ? words[key] : null;
  };
  const set = (change: Partial<Draft>) => setDraft({ ...draft, ...change });
  const file = async (event: Event) => {
    event.preventDefault();
    setRefusal(null);
    if (Object.keys(faults).length > 0 || !deck.selection) return;
    try {
      await post("/exports", exportForm(deck.focus, draft, deck.selection));
      onFiled();
    } catch (error) {
      setRefusal(error);
    }
  };
  return (
    <form class="pb-form" aria-label={t(words.export)} onSubmit={(event) => void file(event)}>
      <Selected deck={deck} fault={deck.selection ? fault("selection") : null} />
      <Particulars {...{ draft, set, fault, purposes }} />
      <RegionList regions={draft.redact} onRegions={(redact) => set({ redact })} drawing={drawing} setDrawing={setDrawing} />
      <Refusal of={refusal} />
      <p class="pb-actions">
        <button type="submit" class="main" disabled={Object.keys(faults).length > 0}>
          {t(words.request)}
        </button>
      </p>
    </form>
  );
}

type FaultOf = (field: keyof Faults) => Both | null;

interface ParticularsProps {
  draft: Draft;
  set(change: Partial<Draft>): void;
  fault: FaultOf;
  purposes: readonly Purpose[];
}

/** What is typed: what for, for whom, on what. */
function Particulars({ draft, set, fault, purposes }: ParticularsProps) {
  const t = useT();
  return (
    <>
      <ChoiceField
        label={words.purpose}
        value={draft.purpose}
        onValue={(purpose) => set({ purpose })}
        choices={purposeOptions(purposes, t)}
        fault={fault("purpose")}
      />
      <ProseField label={words.reason} value={draft.reason} onValue={(reason) => set({ reason })} fault={fault("reason")} />
      <TextField
        label={words.recipient}
        hint={words.recipientHint}
        value={draft.recipient}
        onValue={(recipient) => set({ recipient })}
        fault={fault("recipient")}
      />
      <TextField
        label={words.medium}
        hint={words.mediumHint}
        value={draft.medium}
        onValue={(medium) => set({ medium })}
        fault={fault("medium")}
      />
      <label class="pb-check">
        <input type="checkbox" checked={draft.forMedia} onChange={(e) => set({ forMedia: e.currentTarget.checked })} />
        {t(words.forMedia)}
      </label>
      {draft.forMedia && (
        <TextField
          label={words.mediaRelease}
          value={draft.mediaRelease}
          onValue={(mediaRelease) => set({ mediaRelease })}
          fault={fault("mediaRelease")}
        />
      )}
    </>
  );
}

interface RegionProps {
  regions: readonly Region[];
  onRegions(regions: Region[]): void;
  drawing: boolean;
  setDrawing(on: boolean): void;
}

/** The regions as numbers, for whoever has no pointer; each can be taken away. */
function RegionList({ regions, onRegions, drawing, setDrawing }: RegionProps) {
  const t = useT();
  const change = (place: number, change: Partial<Region>) =>
    onRegions(regions.map((region, n) => (n === place ? (bounded({ ...region, ...change }) ?? region) : region)));
  const full = regions.length >= REGIONS_MAX;
  const middle = { x: 400, y: 400, w: 200, h: 200 };
  return (
    <fieldset class="pb-region-list">
      <legend>{t(words.regions)}</legend>
      {regions.length > 0 && <p class="quiet">{t(words.regionUnits)}</p>}
      {regions.map((region, n) => (
        <div key={n} role="group" aria-label={`${t(words.region)} ${n + 1}`}>
          <span>{n + 1}</span>
          {(["x", "y", "w", "h"] as const).map((side) => (
            <input
              key={side}
              type="number"
              min={0}
              max={1000}
              aria-label={`${t(words.region)} ${n + 1} ${side}`}
              value={region[side]}
              onChange={(event) => change(n, { [side]: Number(event.currentTarget.value) })}
            />
          ))}
          <button
            type="button"
            aria-label={`${t(words.removeRegion)} ${n + 1}`}
            onClick={() => onRegions(regions.filter((_, other) => other !== n))}
          >
            ×
          </button>
        </div>
      ))}
      <p class="pb-actions">
        <button type="button" aria-pressed={drawing} disabled={full} onClick={() => setDrawing(!drawing)}>
          {t(drawing ? words.drawingRegions : words.drawRegions)}
        </button>
        <button type="button" disabled={full} onClick={() => onRegions([...regions, middle])}>
          {t(words.addRegion)}
        </button>
      </p>
    </fieldset>
  );
}
