// Short words at the edge of the page, read out by a screen reader, gone after a while.

import { useEffect, useState } from "preact/hooks";

interface Toast {
  number: number;
  text: string;
  bad: boolean;
}

const SHOWN_MS = 6_000;
let number = 0;
let show: (toast: Toast) => void = () => {};

/** Says it. */
export function toast(text: string, bad = false): void {
  show({ number: ++number, text, bad });
}

export function Toasts() {
  const [toasts, set] = useState<Toast[]>([]);
  useEffect(() => {
    show = (one) => {
      set((all) => [...all.slice(-3), one]);
      setTimeout(() => set((all) => all.filter((other) => other.number !== one.number)), SHOWN_MS);
    };
    return () => void (show = () => {});
  }, []);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map((one) => (
        <p key={one.number} class={one.bad ? "bad" : ""}>
          {one.text}
        </p>
      ))}
    </div>
  );
}
