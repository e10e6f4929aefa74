// Addresses within the console: `#/watch/wall?size=4`. The hash, so that no path of the API is ever shadowed.

import { useEffect, useState } from "preact/hooks";

export interface Route {
  path: string[];
  query: URLSearchParams;
}

function read(): Route {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  return { path: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

/** Where we are; the component is drawn anew when that changes. */
export function useRoute(): Route {
  const [route, set] = useState(read);
  useEffect(() => {
    const hear = () => set(read());
    addEventListener("hashchange", hear);
    return () => removeEventListener("hashchange", hear);
  }, []);
  return route;
}

/** For `href`. */
export function link(path: string): string {
  return `#/${path}`;
}

export function go(path: string): void {
  location.hash = `/${path}`;
}
