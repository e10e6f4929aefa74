// Open sessions, and ending one.

import { useState } from "preact/hooks";

import { remove, type Page } from "../../api/client";
import { may, useMe } from "../../api/me";
import { useAsked } from "../../ui/asked";
import { Reason } from "../../ui/dialog";
import { Loading, Refusal } from "../../ui/states";
import { Table, type Column } from "../../ui/table";
import { toast } from "../../ui/toast";
import { bytes, useT, when } from "../../words";
import { words as w } from "./words";

interface Session {
  id: string;
  user: string;
  unit: string;
  camera: string;
  verb: string;
  purpose: string;
  reason: string;
  terminal: string;
  protocol?: string | null;
  started_at?: string | null;
  opened_at: string;
  expires_at?: string | null;
  bytes: number;
}

/** Often enough to see who comes and goes. */
const EVERY_MS = 3_000;

export function Now() {
  const [t, me] = [useT(), useMe()];
  const { value, refused, again } = useAsked<Page<Session>>("/sessions?limit=200", EVERY_MS);
  const [ending, end] = useState<Session | null>(null);
  const mayEnd = may(me, "bureau_approver", "security_admin");
  const columns: Column<Session>[] = [
    { title: w.camera, cell: (s) => s.camera },
    { title: w.user, cell: (s) => s.user },
    { title: w.unit, cell: (s) => s.unit },
    { title: w.verb, cell: (s) => s.verb },
    { title: w.purpose, cell: (s) => s.purpose },
    { title: w.reason, cell: (s) => s.reason },
    { title: w.since, cell: (s) => when(s.started_at ?? s.opened_at) },
    { title: w.protocol, cell: (s) => s.protocol ?? "" },
    { title: w.terminal, cell: (s) => s.terminal },
    { title: w.bytes, cell: (s) => bytes(s.bytes), number: true },
  ];
  if (mayEnd)
    columns.push({
      title: w.end,
      cell: (s) => (
        <button type="button" onClick={() => end(s)}>
          {t(w.end)}
        </button>
      ),
    });
  if (!value && !refused) return <Loading />;
  return (
    <section>
      <Refusal of={refused} />
      {value && <Table rows={value.items} columns={columns} keyOf={(s) => s.id} empty={w.nobody} caption={w.now} />}
      {ending && (
        <Reason
          title={w.endTitle}
          action={w.end}
          danger
          onClose={() => end(null)}
          run={async (reason) => {
            await remove(`/sessions/${ending.id}`, { reason });
            toast(t(w.ended));
            await again();
          }}
        />
      )}
    </section>
  );
}
