// A form's field: label, hint, what is wrong with it as one types.

import { useId, useState } from "preact/hooks";
import type { ComponentChildren, JSX } from "preact";

import { useT, type Both } from "../words";

interface Around {
  label: Both;
  hint?: Both;
  /** What is wrong with the value, if anything. Shown once it was touched. */
  fault?: Both | null;
  /** The fault is certain while it is still being typed, and shown at once. */
  soon?: boolean;
  required?: boolean;
}

type Given = { id: string; "aria-describedby"?: string; "aria-invalid"?: boolean; required?: boolean; onBlur: () => void };

export function Field({ label, hint, fault, soon, required, children }: Around & { children: (given: Given) => ComponentChildren }) {
  const t = useT();
  const [id, [touched, touch]] = [useId(), useState(false)];
  const shown = (touched || soon) && fault ? fault : null;
  const given: Given = { id, onBlur: () => touch(true) };
  if (shown || hint) given["aria-describedby"] = `${id}-said`;
  if (shown) given["aria-invalid"] = true;
  if (required) given.required = true;
  return (
    <div class={`field${shown ? " wrong" : ""}`}>
      <label for={id}>
        {t(label)}
        {required && <span aria-hidden="true"> *</span>}
      </label>
      {children(given)}
      {(shown || hint) && (
        <small id={`${id}-said`} role={shown ? "alert" : undefined}>
          {shown ? t(shown) : hint && t(hint)}
        </small>
      )}
    </div>
  );
}

type Input = Omit<JSX.InputHTMLAttributes<HTMLInputElement>, "label" | "onInput" | "required">;

/** One line of text. */
export function TextField({ label, hint, fault, soon, required, value, onValue, ...rest }: Around & Input & { value: string; onValue: (v: string) => void }) {
  return (
    <Field label={label} hint={hint} fault={fault} soon={soon} required={required}>
      {(given) => <input type="text" {...rest} {...given} value={value} onInput={(e) => onValue(e.currentTarget.value)} />}
    </Field>
  );
}

/** Several lines. */
export function ProseField({ label, hint, fault, required, value, onValue, rows = 3 }: Around & { value: string; onValue: (v: string) => void; rows?: number }) {
  return (
    <Field label={label} hint={hint} fault={fault} required={required}>
      {(given) => <textarea {...given} rows={rows} value={value} onInput={(e) => onValue(e.currentTarget.value)} />}
    </Field>
  );
}

/** One of several. */
export function ChoiceField({ label, hint, fault, required, value, onValue, choices }: Around & { value: string; onValue: (v: string) => void; choices: { value: string; word: string }[] }) {
  return (
    <Field label={label} hint={hint} fault={fault} required={required}>
      {(given) => (
        <select {...given} value={value} onChange={(e) => onValue(e.currentTarget.value)}>
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.word}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
