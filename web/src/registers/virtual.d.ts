// What `vite.config.ts` makes of the API's description.
declare module "virtual:registers" {
  const registers: import("./rules").Register[];
  export default registers;
}
