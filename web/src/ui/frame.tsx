// The frame around every page: what the role may go to, who is signed in, language and theme, sign out.

import { useEffect, useState } from "preact/hooks";
import type { ComponentType } from "preact";

import { post } from "../api/client";
import { may, useMe } from "../api/me";
import { PAGES, type PageEntry } from "../pages";
import { go, link, useRoute } from "../router";
import { applyTheme, theme, type Theme } from "../theme";
import { language, setLanguage, useT } from "../words";
import { Loading, Refusal } from "./states";

const w = {
  skip: { zh: "跳到内容", en: "Skip to content" },
  menu: { zh: "主菜单", en: "Main menu" },
  signOut: { zh: "退出", en: "Sign out" },
  account: { zh: "账号", en: "Account" },
  theme: { zh: "外观", en: "Theme" },
  system: { zh: "随系统", en: "System" },
  light: { zh: "浅色", en: "Light" },
  dark: { zh: "深色", en: "Dark" },
  nothing: { zh: "您的角色没有可用的页面。", en: "There is no page for your roles." },
};

export function Frame({ onSignOut }: { onSignOut: () => void }) {
  const [t, me, route] = [useT(), useMe(), useRoute()];
  const menu = PAGES.filter((page) => page.roles.length > 0 && may(me, ...page.roles));
  const allowed = PAGES.filter((page) => page.roles.length === 0 || menu.includes(page));
  const page = allowed.find((one) => one.path === route.path[0]);
  useEffect(() => {
    if (!page && menu[0]) go(menu[0].path);
    else if (!page) go("account");
  }, [page]);
  useEffect(() => {
    document.title = page ? `${t(page.title)} · Sluice` : "Sluice";
  });
  return (
    <div class="frame">
      <a class="skip" href="#content" onClick={toContent}>
        {t(w.skip)}
      </a>
      <header class="top">
        <span class="brand">Sluice</span>
        <nav class="menu" aria-label={t(w.menu)}>
          {menu.map((one) => (
            <a key={one.path} data-page={one.path} href={link(one.path)} aria-current={one === page ? "page" : undefined}>
              {t(one.title)}
            </a>
          ))}
        </nav>
        <span class="who">
          <a href={link("account")}>
            {me.name} <span class="quiet">{me.unit_name}</span>
          </a>
        </span>
        <Switches />
        <button type="button" class="plain" onClick={() => void signOut(onSignOut)}>
          {t(w.signOut)}
        </button>
      </header>
      <main id="content" tabIndex={-1}>
        {page ? <Loaded key={page.path} page={page} /> : <p class="empty">{t(w.nothing)}</p>}
      </main>
    </div>
  );
}

/** The address is the page's: the content gets the focus by hand. */
function toContent(event: Event): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

async function signOut(then: () => void): Promise<void> {
  await post("/logout").catch(() => undefined);
  go("");
  then();
}

/** Language and theme. */
export function Switches() {
  const t = useT();
  const [chosen, choose] = useState<Theme>(theme());
  const other = language() === "zh" ? "en" : "zh";
  return (
    <span class="switches">
      <select
        aria-label={t(w.theme)}
        value={chosen}
        onChange={(event) => {
          const to = event.currentTarget.value as Theme;
          applyTheme(to);
          choose(to);
        }}
      >
        {(["system", "light", "dark"] as const).map((one) => (
          <option key={one} value={one}>
            {t(w[one])}
          </option>
        ))}
      </select>
      <button type="button" class="plain" lang={other === "zh" ? "zh-CN" : "en"} onClick={() => setLanguage(other)}>
        {other === "zh" ? "中文" : "English"}
      </button>
    </span>
  );
}

/** A page's code comes when it is first gone to. */
function Loaded({ page }: { page: PageEntry }) {
  const [state, set] = useState<{ Page?: ComponentType; refused?: unknown }>({});
  useEffect(() => {
    let wanted = true;
    page.load().then(
      (module) => wanted && set({ Page: module.default }),
      (refused: unknown) => wanted && set({ refused }),
    );
    return () => void (wanted = false);
  }, [page]);
  if (state.refused) return <Refusal of={state.refused} />;
  return state.Page ? <state.Page /> : <Loading />;
}
