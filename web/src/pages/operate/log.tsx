// The newest lines of the log, followed.

import { useEffect, useRef, useState } from "preact/hooks";

import { get } from "../../api/client";
import { TextField } from "../../ui/field";
import { Refusal } from "../../ui/states";
import { useT } from "../../words";
import { words as w } from "./words";

const EVERY_MS = 2_000;
const LINES_MAX = 2_000;

export function Log() {
  const t = useT();
  const [lines, setLines] = useState<string[]>([]);
  const [refused, setRefused] = useState<unknown>(null);
  const [find, setFind] = useState("");
  const [follow, setFollow] = useState(true);
  const place = useRef<HTMLPreElement>(null);
  useEffect(() => {
    let [next, over] = [0, false];
    const look = async () => {
      try {
        const part = await get<{ lines: string[]; next: number }>(`/system/log?after=${next}`);
        if (over) return;
        next = part.next;
        if (part.lines.length) setLines((was) => [...was, ...part.lines].slice(-LINES_MAX));
        setRefused(null);
      } catch (error) {
        setRefused(error);
      }
    };
    void look();
    const timer = setInterval(() => void look(), EVERY_MS);
    return () => {
      over = true;
      clearInterval(timer);
    };
  }, []);
  const said = find.trim().toLowerCase();
  const shown = said ? lines.filter((line) => line.toLowerCase().includes(said)) : lines;
  useEffect(() => {
    if (follow && place.current) place.current.scrollTop = place.current.scrollHeight;
  }, [shown.length, follow]);
  return (
    <section>
      <Refusal of={refused} />
      <div class="filters">
        <TextField label={w.filter} type="search" value={find} onValue={setFind} />
        <label>
          <input type="checkbox" checked={follow} onChange={(event) => setFollow(event.currentTarget.checked)} /> {t(w.follow)}
        </label>
      </div>
      <pre class="log" ref={place} tabIndex={0} aria-label={t(w.log)}>
        {shown.join("\n")}
      </pre>
    </section>
  );
}
