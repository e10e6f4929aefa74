// A dialog over the page: the browser's own, which keeps the focus within and closes by Escape.

import { useEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { useT, type Both } from "../words";
import { ProseField } from "./field";
import { Refusal } from "./states";

const w = {
  close: { zh: "关闭", en: "Close" },
  cancel: { zh: "取消", en: "Cancel" },
  reason: { zh: "理由", en: "Reason" },
  needed: { zh: "请写明理由。", en: "Give a reason." },
};

export function Dialog({ title, onClose, wide, children }: { title: Both; onClose: () => void; wide?: boolean; children: ComponentChildren }) {
  const t = useT();
  const place = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = place.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={place} class={wide ? "wide" : ""} aria-label={t(title)} onClose={onClose} onCancel={onClose}>
      <header>
        <h2>{t(title)}</h2>
        <button type="button" class="plain" onClick={onClose} aria-label={t(w.close)}>
          ×
        </button>
      </header>
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}

/** Something that needs a reason before it is done. */
export function Reason({ title, action, danger, onClose, run }: { title: Both; action: Both; danger?: boolean; onClose: () => void; run: (reason: string) => Promise<void> }) {
  const t = useT();
  const [reason, setReason] = useState("");
  const [refused, setRefused] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setRefused(null);
    try {
      await run(reason.trim());
      onClose();
    } catch (error) {
      setRefused(error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        <ProseField label={w.reason} required value={reason} onValue={setReason} fault={reason.trim() ? null : w.needed} />
        <Refusal of={refused} />
        <div class="actions">
          <button type="button" onClick={onClose}>
            {t(w.cancel)}
          </button>
          <button type="submit" class={danger ? "danger" : "main"} disabled={busy || !reason.trim()}>
            {t(action)}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
