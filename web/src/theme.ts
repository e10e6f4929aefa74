// Light, dark, or as the system says; kept in the browser.

export type Theme = "system" | "light" | "dark";

const KEPT = "sluice-theme";

export function theme(): Theme {
  const said = localStorage.getItem(KEPT);
  return said === "light" || said === "dark" ? said : "system";
}

export function applyTheme(to: Theme = theme()): void {
  localStorage.setItem(KEPT, to);
  if (to === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = to;
}
