// The accounts for the security administrator: state, roles, locks, second factors, first passwords, and the keys of machines.

import { useState } from "preact/hooks";

import { all, patch, post, remove } from "../../api/client";
import { type Me, type Role } from "../../api/me";
import { go, link } from "../../router";
import { useAsked } from "../../ui/asked";
import { Dialog } from "../../ui/dialog";
import { ChoiceField, TextField } from "../../ui/field";
import { Loading, Refusal, Tag } from "../../ui/states";
import { Table, type Column } from "../../ui/table";
import { toast } from "../../ui/toast";
import { useT, when, type Both } from "../../words";
import { ROLE_WORDS } from "../account/words";
import { named, useUnits } from "../work/names";
import { ApiKeys } from "./api_keys";

export interface Account {
  id: string;
  user: string;
  name: string;
  staff_no?: string | null;
  unit: string;
  roles: Role[];
  state: "pending" | "approved" | "disabled";
  must_change_password: boolean;
  second_factor: boolean;
  locked_until?: string | null;
}

const both = (zh: string, en: string): Both => ({ zh, en });
export const w = {
  title: both("账号", "Accounts"),
  login: both("登录名", "Login name"),
  name: both("姓名", "Name"),
  unit: both("单位", "Unit"),
  roles: both("角色", "Roles"),
  state: both("状态", "State"),
  pending: both("待审批", "Pending"),
  approved: both("已启用", "Approved"),
  disabled: both("已停用", "Disabled"),
  factor: both("第二因素", "Second factor"),
  yes: both("有", "Yes"),
  no: both("无", "No"),
  locked: both("锁定至 {at}", "Locked until {at}"),
  find: both("查找", "Find"),
  open: both("管理", "Keep"),
  save: both("保存", "Save"),
  saved: both("已保存。", "Saved."),
  unlock: both("解除锁定", "End the lock"),
  takeFactor: both("清除第二因素", "Take the second factor away"),
  firstPassword: both("新的初始口令", "A new first password"),
  firstHint: both("下次登录时须更改;不少于12个字符。", "It has to be changed at the next sign-in; at least 12 characters."),
  give: both("设置", "Set"),
  own: both("不能更改自己的账号。", "Nobody changes their own account."),
  close: both("关闭", "Close"),
};

/** The part; `id` is the account that is open. */
export function Accounts({ id, me }: { id: string; me: Me }) {
  const t = useT();
  const { value, refused, again } = useAsked<Account[]>("/users?limit=500", undefined, all);
  const [words, setWords] = useState("");
  const units = useUnits();
  const fits = (one: Account) => `${one.user} ${one.name} ${named(units, one.unit)}`.toLowerCase().includes(words.toLowerCase());
  const role = (one: Role) => t(ROLE_WORDS[one] ?? { zh: one, en: one });
  const tones = { pending: "warn", approved: "good", disabled: "quiet" } as const;
  const columns: Column<Account>[] = [
    { title: w.login, cell: (one) => <a href={link(`operate/accounts/${one.id}`)}>{one.user}</a> },
    { title: w.name, cell: (one) => one.name },
    { title: w.unit, cell: (one) => named(units, one.unit) },
    { title: w.roles, cell: (one) => one.roles.map(role).join("、") },
    { title: w.state, cell: (one) => <><Tag tone={tones[one.state]}>{t(w[one.state])}</Tag> {one.locked_until && <Tag tone="bad">{t(w.locked, { at: when(one.locked_until) })}</Tag>}</> },
    { title: w.factor, cell: (one) => t(one.second_factor ? w.yes : w.no) },
  ];
  const open = value?.find((one) => one.id === id);
  return (
    <section>
      <div class="filters">
        <TextField label={w.find} type="search" value={words} onValue={setWords} />
      </div>
      <Refusal of={refused} />
      {value ? <Table rows={value.filter(fits)} columns={columns} keyOf={(one) => one.id} caption={w.title} /> : !refused && <Loading />}
      {open && <Keep key={open.id} of={open} own={open.id === me.id} again={again} />}
    </section>
  );
}

function Keep({ of, own, again }: { of: Account; own: boolean; again: () => Promise<void> }) {
  const t = useT();
  const [state, setState] = useState<string>(of.state);
  const [roles, setRoles] = useState<Role[]>(of.roles);
  const [password, setPassword] = useState("");
  const [refused, refuse] = useState<unknown>(null);
  const path = `/users/${of.id}`;
  const run = async (work: Promise<unknown>) => {
    refuse(null);
    await work.then(() => toast(t(w.saved)), refuse);
    await again();
  };
  const flip = (role: Role) => setRoles((before) => (before.includes(role) ? before.filter((one) => one !== role) : [...before, role]));
  const states = (["pending", "approved", "disabled"] as const).map((value) => ({ value, word: t(w[value]) }));
  return (
    <Dialog wide title={both(`${of.name}(${of.user})`, `${of.name} (${of.user})`)} onClose={() => go("operate/accounts")}>
      {own && <p class="quiet">{t(w.own)}</p>}
      <div class="two">
        <div>
          <ChoiceField label={w.state} value={state} onValue={setState} choices={states} />
          <fieldset class="roles">
            <legend>{t(w.roles)}</legend>
            {(Object.keys(ROLE_WORDS) as Role[]).map((role) => (
              <label key={role}>
                <input type="checkbox" checked={roles.includes(role)} onChange={() => flip(role)} /> {t(ROLE_WORDS[role] ?? { zh: role, en: role })}
              </label>
            ))}
          </fieldset>
          <button type="button" class="main" disabled={own || roles.length === 0} onClick={() => void run(patch(path, { state, roles }))}>
            {t(w.save)}
          </button>
        </div>
        <div>
          <TextField label={w.firstPassword} hint={w.firstHint} type="password" autocomplete="new-password" value={password} onValue={setPassword} />
          <div class="actions">
            <button type="button" disabled={own || password.length < 12} onClick={() => void run(post(`${path}/password`, { password }))}>
              {t(w.give)}
            </button>
            <button type="button" disabled={own || !of.second_factor} onClick={() => void run(remove(`${path}/otp`))}>
              {t(w.takeFactor)}
            </button>
            <button type="button" disabled={!of.locked_until} onClick={() => void run(patch(path, { unlock: true }))}>
              {t(w.unlock)}
            </button>
          </div>
          {of.roles.includes("service") && <ApiKeys path={path} />}
        </div>
      </div>
      <Refusal of={refused} />
    </Dialog>
  );
}
