// What the console knows of each register, taken out of the API's description: its form and its rules. The whole description is too
// large to send to a browser. Deliberately absent: words for people, which are in `src/registers/words.ts`.
import { readFileSync } from "node:fs";

const DESCRIPTION = new URL("../../control-api/openapi.json", import.meta.url);

/** How a field is asked for and shown. */
function kindOf(name, schema) {
  const inner = schema.oneOf?.find((one) => one.$ref) ?? schema;
  const reference = inner.$ref?.split("/").pop();
  if (reference === "Stamp") return "time";
  if (reference === "UserId") return "person";
  if (reference === "UnitId") return "unit";
  if (name === "camera" || name === "cameras" || name === "areas" || name === "text_version") return name;
  if (schema.type === "boolean") return "flag";
  if (schema.format === "date") return "date";
  if (schema.maxLength >= 1000) return "prose";
  return "line";
}

function choicesOf(schema, schemas) {
  const reference = schema.$ref?.split("/").pop();
  return schema.enum ?? (reference ? schemas[reference]?.enum : undefined);
}

function fieldOf(name, schema, required, schemas) {
  const resolved = schema.$ref ? schemas[schema.$ref.split("/").pop()] : schema;
  const choices = choicesOf(schema, schemas);
  const field = { name, kind: choices ? "choice" : kindOf(name, schema), required };
  if (choices) field.choices = choices;
  if (resolved.maxLength) field.longest = resolved.maxLength;
  if (resolved.example && typeof resolved.example === "string") field.example = resolved.example;
  return field;
}

function registerOf(path, list, document) {
  const { form, ...rules } = list["x-register"];
  const schemas = document.components.schemas;
  const schema = schemas[form];
  // Where only one text is ever signed, its version is chosen; where texts are written, it is given.
  const writes = form === "StatementText";
  const fields = Object.entries(schema.properties)
    .filter(([, property]) => !property.readOnly)
    .map(([name, property]) => fieldOf(name, property, (schema.required ?? []).includes(name), schemas))
    .map((field) => (writes && field.kind === "text_version" ? { ...field, kind: "line" } : field));
  return { name: path.slice("/api/v1/".length), ...rules, fields };
}

/** All registers of the description, in its order. */
export function registersOf(document) {
  return Object.entries(document.paths)
    .filter(([, item]) => item.get?.["x-register"])
    .map(([path, item]) => registerOf(path, item.get, document));
}

/** For Vite: `virtual:registers` is all of them. */
export function registers() {
  const id = "\0registers";
  return {
    name: "registers",
    resolveId: (asked) => (asked === "virtual:registers" ? id : undefined),
    load: (asked) => (asked === id ? `export default ${JSON.stringify(registersOf(JSON.parse(readFileSync(DESCRIPTION, "utf8"))))}` : undefined),
  };
}
