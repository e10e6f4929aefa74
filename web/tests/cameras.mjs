// Simulated cameras beside the demo's own: one that stamps its pictures, or that plays a clip of another size.
import { spawn } from "node:child_process";

import { SLUICE } from "./appliance.mjs";

/** `sluice camera-sim` with these arguments: where its first camera is, and how to end it. */
export async function simulated(more) {
  const child = spawn(SLUICE, ["camera-sim", "--listen", "127.0.0.1:0", "--cameras", "1", ...more], { stdio: ["ignore", "pipe", "inherit"] });
  const address = await new Promise((resolve, reject) => {
    let said = "";
    child.stdout.on("data", (bytes) => {
      said += bytes;
      const ready = /ready (\S+)/.exec(said);
      if (ready) resolve(ready[1]);
    });
    child.once("exit", (code) => reject(new Error(`the camera ended with ${code}: ${said}`)));
  });
  return { source: `rtsp://${address}/cam/1`, stop: () => child.kill("SIGTERM") };
}

/** Puts a camera on the catalogue, like the demo's first one but for its name and source. */
export async function addCamera(appliance, id, source) {
  const call = await appliance.as("catalogue_admin");
  const { items } = await call("GET", "/cameras");
  const { resource_category, location_name, camera_type, construction_unit, maintenance_unit, contact, area } = items[0];
  const like = { resource_category, location_name, camera_type, construction_unit, maintenance_unit, contact, area };
  await call("POST", "/cameras", { id, name: id, source, ...like });
}
