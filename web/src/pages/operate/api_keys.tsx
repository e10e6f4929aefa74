// The keys of a machine's account: which there are, a new one shown once, and the end of one.

import { useState } from "preact/hooks";

import { all, post, remove } from "../../api/client";
import { useAsked } from "../../ui/asked";
import { TextField } from "../../ui/field";
import { Refusal, Tag } from "../../ui/states";
import { Table, type Column } from "../../ui/table";
import { useT, when, type Both } from "../../words";
import { fromDay } from "../../forms/moments";

interface Key {
  id: string;
  name: string;
  expires_at: string;
  addresses: string[];
  used_at?: string | null;
  in_force: boolean;
}

const both = (zh: string, en: string): Both => ({ zh, en });
const w = {
  title: both("接口密钥", "API keys"),
  name: both("用途", "Name"),
  until: both("有效至", "Until"),
  addresses: both("来源地址(逗号分隔)", "Addresses it comes from, by commas"),
  used: both("最近使用", "Last used"),
  make: both("生成密钥", "Make a key"),
  once: both("只显示这一次,请立即保存:", "Shown this once; keep it now:"),
  revoke: both("撤销", "Revoke"),
  over: both("已失效", "Over"),
};

export function ApiKeys({ path }: { path: string }) {
  const t = useT();
  const { value, again } = useAsked<Key[]>(`${path}/api-keys?limit=100`, undefined, all);
  const [name, setName] = useState("");
  const [until, setUntil] = useState("");
  const [addresses, setAddresses] = useState("");
  const [secret, show] = useState("");
  const [refused, refuse] = useState<unknown>(null);
  const make = async (event: Event) => {
    event.preventDefault();
    refuse(null);
    const asked = { name, expires_at: fromDay(until), addresses: addresses.split(/[,,\s]+/).filter(Boolean) };
    await post<{ secret: string }>(`${path}/api-keys`, asked).then((made) => show(made.secret), refuse);
    await again();
  };
  const revoke = async (key: Key) => {
    await remove(`${path}/api-keys/${key.id}`).catch(refuse);
    await again();
  };
  const columns: Column<Key>[] = [
    { title: w.name, cell: (one) => one.name },
    { title: w.until, cell: (one) => when(one.expires_at) },
    { title: w.used, cell: (one) => when(one.used_at) },
    { title: w.revoke, cell: (one) => (one.in_force ? <button type="button" class="plain" aria-label={`${t(w.revoke)}: ${one.name}`} onClick={() => void revoke(one)}>{t(w.revoke)}</button> : <Tag>{t(w.over)}</Tag>) },
  ];
  return (
    <section>
      <h2>{t(w.title)}</h2>
      {value && <Table rows={value} columns={columns} keyOf={(one) => one.id} caption={w.title} />}
      <form onSubmit={make}>
        <TextField label={w.name} required value={name} onValue={setName} />
        <TextField label={w.until} required type="date" value={until} onValue={setUntil} />
        <TextField label={w.addresses} required value={addresses} onValue={setAddresses} />
        <button type="submit" disabled={!name || !until || !addresses}>
          {t(w.make)}
        </button>
      </form>
      {secret && (
        <p role="status">
          {t(w.once)} <code class="secret">{secret}</code>
        </p>
      )}
      <Refusal of={refused} />
    </section>
  );
}
