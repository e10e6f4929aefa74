// The catalogue as the page needs it: cameras, a tree of them, and search as one types. Pure but for the first call.

import { all } from "../../api/client";

export interface Camera {
  id: string;
  name: string;
  location_name: string;
  resource_category: string;
  area?: string | null;
  owner?: string | null;
  has_sub: boolean;
  device_status: "online" | "connecting" | "offline";
  device_status_reason?: string | null;
}

interface Unit {
  id: string;
  name: string;
}

/** How the tree is cut. */
export type Cut = "area" | "unit" | "category";

export interface Branch {
  name: string;
  /** From the root, joined by `/`. */
  path: string;
  branches: Branch[];
  cameras: Camera[];
  /** Of it and of all below. */
  count: number;
}

export interface Catalogue {
  cameras: Camera[];
  unitName: (id: string) => string;
}

/** Cameras that one may see. Units' names are for those who may read the register; others see ids. */
export async function readCatalogue(): Promise<Catalogue> {
  const units = all<Unit>("/units?limit=500").catch(() => [] as Unit[]);
  const cameras = await all<Camera>("/cameras?limit=500");
  const names = new Map((await units).map((unit) => [unit.id, unit.name]));
  return { cameras, unitName: (id) => names.get(id) ?? id };
}

/** Those that have every word of what is typed in name, place, id, area or category. */
export function matching(cameras: Camera[], typed: string): Camera[] {
  const wanted = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (wanted.length === 0) return cameras;
  return cameras.filter((camera) => {
    const text = [camera.name, camera.location_name, camera.id, camera.area, camera.resource_category].join("\n").toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}

/** Branches sorted by name, cameras too. What is not registered comes under `elsewhere`. */
export function treeOf({ cameras, unitName }: Catalogue, cut: Cut, elsewhere: string): Branch {
  const root: Branch = { name: "", path: "", branches: [], cameras: [], count: 0 };
  for (const camera of cameras) {
    let branch = root;
    branch.count++;
    for (const name of placeOf(camera, cut, unitName, elsewhere)) {
      branch = below(branch, name);
      branch.count++;
    }
    branch.cameras.push(camera);
  }
  sort(root);
  return root;
}

function placeOf(camera: Camera, cut: Cut, unitName: (id: string) => string, elsewhere: string): string[] {
  if (cut === "area") return camera.area ? camera.area.split("/") : [elsewhere];
  if (cut === "unit") return [camera.owner ? unitName(camera.owner) : elsewhere];
  return [camera.resource_category || elsewhere];
}

function below(branch: Branch, name: string): Branch {
  const known = branch.branches.find((one) => one.name === name);
  if (known) return known;
  const made: Branch = { name, path: branch.path ? `${branch.path}/${name}` : name, branches: [], cameras: [], count: 0 };
  branch.branches.push(made);
  return made;
}

function sort(branch: Branch): void {
  const order = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name, "zh-CN", { numeric: true });
  branch.branches.sort(order);
  branch.cameras.sort(order);
  branch.branches.forEach(sort);
}
