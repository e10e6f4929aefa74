// The form of a camera: the seven fields of J-4 and what goes with them. What is not touched is not sent.

import { useState } from "preact/hooks";

import { patch, post } from "../../api/client";
import { Dialog } from "../../ui/dialog";
import { ChoiceField, TextField } from "../../ui/field";
import { Refusal } from "../../ui/states";
import { toast } from "../../ui/toast";
import { useT, type Both } from "../../words";
import { CELLS } from "../oversee/report_words";
import { useUnits } from "../work/names";
import { FIELDS, w } from "./catalogue_words";

export type Camera = Record<string, unknown> & { id: string; name: string; location_name: string; version: number; device_status: "online" | "connecting" | "offline" };

const NEEDED = ["name", "source", "resource_category", "location_name", "camera_type", "construction_unit", "maintenance_unit", "contact"];
const MORE = ["sub_source", "area", "username", "password"];
const CLASSES = ["ordinary", "key_target", "voluntary"];

const fieldWord = (name: string): Both => FIELDS[name] ?? { zh: name, en: name };

function faultOf(name: string, value: string): Both | null {
  if (NEEDED.includes(name) && !value.trim()) return w.needed;
  return name.endsWith("source") && value && !/^rtsps?:\/\/\S+$/.test(value) ? w.rtsp : null;
}

/** Enrols, or changes `camera`. */
export function CameraForm({ camera, onClose, onDone }: { camera: Camera | null; onClose: () => void; onDone: () => void }) {
  const t = useT();
  const units = useUnits();
  const [typed, type] = useState<Record<string, string>>({});
  const [refused, refuse] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const value = (name: string) => typed[name] ?? String(camera?.[name] ?? "");
  const put = (name: string) => (text: string) => type((before) => ({ ...before, [name]: text }));
  const text = (name: string) => (
    <TextField
      key={name}
      label={fieldWord(name)}
      required={NEEDED.includes(name)}
      fault={faultOf(name, value(name))}
      hint={camera && name === "password" ? w.keptSecret : undefined}
      type={name === "password" ? "password" : "text"}
      autocomplete="off"
      value={value(name)}
      onValue={put(name)}
    />
  );
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    refuse(null);
    const level = typed["security_level"];
    const sent = { ...typed, ...(level && { security_level: Number(level) }) };
    try {
      if (camera) await patch(`/cameras/${encodeURIComponent(camera.id)}`, sent);
      else await post("/cameras", Object.fromEntries(Object.entries(sent).filter(([, said]) => said)));
      toast(t(w.changed));
      onDone();
    } catch (error) {
      refuse(error);
      setBusy(false);
    }
  };
  const faulty = NEEDED.concat(MORE).some((name) => faultOf(name, value(name)));
  const owners = [{ value: "", word: t(w.nobody) }, ...units.map((one) => ({ value: one.id, word: one.name }))];
  return (
    <Dialog wide title={camera ? w.edit : w.enrol} onClose={onClose}>
      <form onSubmit={submit}>
        <div class="two">
          {!camera && text("id")}
          {NEEDED.map(text)}
          {MORE.map(text)}
          <ChoiceField label={fieldWord("owner")} value={value("owner")} onValue={put("owner")} choices={owners} />
          <ChoiceField label={fieldWord("transport")} value={value("transport") || "tcp"} onValue={put("transport")} choices={["tcp", "udp"].map((one) => ({ value: one, word: one.toUpperCase() }))} />
          <ChoiceField label={fieldWord("retention_class")} value={value("retention_class") || "ordinary"} onValue={put("retention_class")} choices={CLASSES.map((one) => ({ value: one, word: t(CELLS[one] ?? { zh: one, en: one }) }))} />
          <ChoiceField label={fieldWord("security_level")} value={value("security_level") || "1"} onValue={put("security_level")} choices={["1", "2", "3"].map((one) => ({ value: one, word: one }))} />
        </div>
        <Refusal of={refused} />
        <div class="actions">
          <button type="button" onClick={onClose}>
            {t(w.cancel)}
          </button>
          <button type="submit" class="main" disabled={busy || faulty}>
            {t(w.save)}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
