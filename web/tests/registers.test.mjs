// What the console knows of the registers without a browser: words for all there is in the API's description, who may do what, and
// what is wrong with a form as it is typed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { registersOf } from "../tools/registers.mjs";
import { withModules } from "./modules.mjs";

const registers = registersOf(JSON.parse(readFileSync(new URL("../../control-api/openapi.json", import.meta.url), "utf8")));
const register = (name) => registers.find((one) => one.name === name);

test("every register, field, state, step and choice has its words in both languages", async () => {
  assert.ok(registers.length >= 19, `${registers.length} registers`);
  await withModules(["/src/registers/words.ts"], (words) => {
    const missing = [];
    const look = (word, asked, what) => {
      if (word.zh === asked || !word.zh || !word.en) missing.push(what);
    };
    for (const { name, fields, states, moves } of registers) {
      look(words.registerWord(name), name, name);
      assert.ok(words.REGISTERS[name]?.about.zh, name);
      for (const field of fields) {
        look(words.fieldWord(name, field.name), field.name, `${name}.${field.name}`);
        for (const choice of field.choices ?? []) look(words.choiceWord(field.name, choice), choice, `${name}.${field.name}=${choice}`);
      }
      for (const state of states) look(words.stateWord(name, state), state, `${name} state ${state}`);
      for (const { step } of moves) look(words.stepWord(name, step), step, `${name} step ${step}`);
    }
    assert.deepEqual(missing, []);
  });
});

test("a step is offered to whom the rules name, and to nobody else", async () => {
  await withModules(["/src/registers/rules.ts"], ({ stepsFor, mayFile, mayRead, readsUnit }) => {
    const emergencies = register("emergencies");
    const entry = { id: "e", unit: "gaj", state: "active", filed_by: "chief", filed_at: "", since: "", version: 1 };
    const steps = (person) => stepsFor(emergencies, person, entry).map(({ step }) => step);
    assert.deepEqual(steps({ id: "bao", unit: "zwj", roles: ["bureau_approver"] }), ["confirm", "close"]);
    assert.deepEqual(steps({ id: "bao", unit: "gaj", roles: ["bureau_approver"] }), ["close"], "nobody confirms their own unit's");
    assert.deepEqual(steps({ id: "wang", unit: "slj", roles: ["unit_principal"] }), []);
    assert.deepEqual(steps({ id: "wang", unit: "gaj", roles: ["unit_principal"] }), ["close"]);
    assert.equal(mayFile(emergencies, { id: "x", unit: "gaj", roles: ["operator"] }), false);
    assert.equal(mayRead(emergencies, { id: "x", unit: "gaj", roles: ["catalogue_admin"] }), false);
    const statements = register("staff-statements");
    assert.equal(readsUnit(statements, { id: "x", unit: "zwj", roles: ["export_officer"] }, "gaj"), false);
    assert.equal(readsUnit(statements, { id: "x", unit: "gaj", roles: ["unit_admin"] }, "gaj"), true);
  });
});

test("requester, endorser, approver and releaser are different people", async () => {
  await withModules(["/src/forms/stages.ts"], ({ applicationSteps, exportSteps }) => {
    const steps = (choices) => choices.map(({ step }) => step);
    const way = { unit: "gaj", requester: "a", endorser: "b", approver: null, stage: "accepted" };
    assert.deepEqual(steps(applicationSteps({ id: "c", unit: "zwj", roles: ["bureau_approver"] }, way)), ["approve", "return", "refuse"]);
    assert.deepEqual(steps(applicationSteps({ id: "c", unit: "gaj", roles: ["bureau_approver"] }, way)), []);
    assert.deepEqual(steps(applicationSteps({ id: "a", unit: "zwj", roles: ["bureau_approver"] }, way)), []);
    const approved = { ...way, approver: "c", stage: "approved" };
    assert.deepEqual(steps(exportSteps({ id: "c", unit: "zwj", roles: ["export_officer"] }, approved)), []);
    assert.deepEqual(steps(exportSteps({ id: "d", unit: "zwj", roles: ["export_officer"] }, approved)), ["release", "refuse"]);
    assert.deepEqual(steps(exportSteps({ id: "d", unit: "slj", roles: ["export_officer"] }, approved)), []);
  });
});

test("a form's faults are those that the API would find, and slips of a credit code besides", async () => {
  await withModules(["/src/forms/resource.ts", "/src/forms/checks.ts", "/src/registers/drafts.ts"], (resource, checks, drafts) => {
    const now = new Date("2026-06-01T00:00:00Z");
    const empty = resource.emptyResource(now);
    assert.deepEqual(Object.keys(resource.resourceFaults(empty, now)).sort(), ["cameras", "contact", "narrative", "purposes", "responsible_person"]);
    const full = { ...empty, responsible_person: "李雷", contact: "0391-1", narrative: "东街治安", cameras: ["cam-1"], purposes: ["GA-1"] };
    assert.deepEqual(resource.resourceFaults(full, now), {});
    const wrong = { ...full, valid_to: "2026-05-01", hours_from: "08:00", terminals: "10.0.0.1, nonsense", max_concurrent: "0", narrative: "长".repeat(2001) };
    assert.deepEqual(Object.keys(resource.resourceFaults(wrong, now)).sort(), ["hours_from", "max_concurrent", "narrative", "terminals", "valid_to"]);
    const again = resource.resourceDraft(resource.resourceForm(full));
    assert.deepEqual(again, full, "what is filed comes back to be corrected as it was typed");
    assert.equal(checks.creditCode("91350100M000100Y43"), null);
    assert.ok(checks.creditCode("91350100M000100Y34"), "two digits changed places");
    assert.ok(checks.creditCode("91350100M000100Y4"), "one is missing");
    const shift = register("duty-shifts");
    const draft = drafts.emptyDraft(shift, now, "me");
    assert.deepEqual(Object.keys(drafts.draftFaults(shift, draft)).sort(), ["post", "user"]);
    const backwards = { ...draft, user: "u", post: "p", from: "2026-06-02T08:00", to: "2026-06-02T07:00" };
    assert.deepEqual(Object.keys(drafts.draftFaults(shift, backwards)), ["to"]);
  });
});
