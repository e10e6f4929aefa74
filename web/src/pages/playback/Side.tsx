// Beside the pictures: what is done with them, in tabs.

import { useState } from "preact/hooks";
import { may, useMe, type Role } from "../../api/me";
import { toast } from "../../ui/toast";
import { useT } from "../../words";
import type { Deck } from "./deck";
import { ExportForm } from "./ExportForm";
import { Exports } from "./Exports";
import { Gaps, Holds } from "./Kept";
import { Report } from "./Report";
import type { Draft } from "./request";
import type { Purpose } from "./WhyForm";
import { words } from "./words";

/** Who places holds. */
const HOLDERS: Role[] = ["unit_principal", "incident_commander", "bureau_approver", "operator"];

const PANELS = ["export", "exports", "gaps", "holds", "report"] as const;
export type Panel = (typeof PANELS)[number];

interface Props {
  deck: Deck;
  purposes: readonly Purpose[];
  nameOf(camera: string): string;
  panel: Panel;
  setPanel(panel: Panel): void;
  draft: Draft;
  setDraft(draft: Draft): void;
  drawing: boolean;
  setDrawing(on: boolean): void;
}

export function Side({ panel, setPanel, ...rest }: Props) {
  const t = useT();
  const me = useMe();
  const [round, setRound] = useState(0);
  const { deck, nameOf } = rest;
  const filed = (word: string) => {
    toast(word);
    setRound((n) => n + 1);
  };
  const reported = (what: "finding" | "incident") => filed(t(what === "finding" ? words.findingFiled : words.incidentFiled));
  const requested = () => {
    setPanel("exports");
    filed(t(words.requested));
  };
  return (
    <aside class="pb-panel">
      <Tabs panel={panel} onPanel={setPanel} />
      <div role="tabpanel" id="pb-tabpanel" aria-labelledby={`pb-tab-${panel}`}>
        {panel === "export" && <ExportForm {...rest} onFiled={requested} />}
        {panel === "exports" && <Exports round={round} />}
        {panel === "gaps" && <Gaps deck={deck} nameOf={nameOf} />}
        {panel === "holds" && (
          <Holds
            deck={deck}
            nameOf={nameOf}
            mayPlace={may(me, ...HOLDERS)}
            onPlaced={() => filed(t(words.holdPlaced))}
          />
        )}
        {panel === "report" && <Report deck={deck} nameOf={nameOf} onFiled={reported} />}
      </div>
    </aside>
  );
}

function Tabs({ panel, onPanel }: { panel: Panel; onPanel(panel: Panel): void }) {
  const t = useT();
  const turn = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const next = PANELS[(PANELS.indexOf(panel) + by + PANELS.length) % PANELS.length] ?? panel;
    onPanel(next);
    document.getElementById(`pb-tab-${next}`)?.focus();
  };
  return (
    <div class="pb-tabs" role="tablist" onKeyDown={turn}>
      {PANELS.map((each) => (
        <button
          key={each}
          type="button"
          role="tab"
          id={`pb-tab-${each}`}
          aria-selected={each === panel}
          aria-controls="pb-tabpanel"
          tabIndex={each === panel ? 0 : -1}
          onClick={() => onPanel(each)}
        >
          {t(words[each])}
        </button>
      ))}
    </div>
  );
}
