// Signs drawn by us: fonts have these or have not.

/** A sign of 16 by 16, in the colour of the text. */
export function Icon({ d }: { d: string }) {
  return (
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <path d={d} fill="currentColor" />
    </svg>
  );
}
