// A field of the official forms: its label, its input, and what is wrong with it, as soon as the form says so.

import { useId } from "preact/hooks";
import type { ComponentChildren } from "preact";



import { type Both, useT } from "../../words";
import type { Tied } from "./fields";

interface Props {
  label: string;
  fault?: Both | null;
  hint?: string;
  required?: boolean;
  /** Over both columns. */
  wide?: boolean;
  children: (tied: Tied) => ComponentChildren;
}

/** The field; unlike the console's own, it shows a fault when it is told of one, whether or not it was left before. */
export function Labelled({ label, fault, hint, required, wide, children }: Props) {
  const t = useT();
  const id = useId();
  const said = fault ? t(fault) : hint;
  const tied: Tied = { id, ...(said && { "aria-describedby": `${id}-said` }), ...(fault && { "aria-invalid": true }) };
  return (
    <div class={`field${fault ? " wrong" : ""}${wide ? " wide" : ""}`}>
      <label for={id}>
        {label}
        {required && <span aria-hidden="true"> *</span>}
      </label>
      {children(tied)}
      {said && (
        <small id={`${id}-said`} role={fault ? "alert" : undefined}>
          {said}
        </small>
      )}
    </div>
  );
}
