// The console's files as the binary sends them: compressed, kept by the browser, in nobody else's page.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Appliance } from "./appliance.mjs";

let appliance;
before(async () => {
  appliance = await Appliance.start(0);
});
after(async () => {
  await appliance?.stop();
});

test("files come compressed, are kept, and may be shown in no other page", async () => {
  const taking = { "accept-encoding": "br" };
  const index = await fetch(appliance.api, { headers: taking });
  assert.equal(index.headers.get("content-encoding"), "br");
  assert.match(index.headers.get("content-security-policy"), /frame-ancestors 'none'/);
  assert.doesNotMatch(index.headers.get("content-security-policy"), /unsafe/);
  assert.equal(index.headers.get("x-content-type-options"), "nosniff");
  assert.equal(index.headers.get("referrer-policy"), "no-referrer");
  const again = await fetch(appliance.api, { headers: { ...taking, "if-none-match": index.headers.get("etag") } });
  assert.equal(again.status, 304);
  const [, script] = /src="(\/assets\/[^"]+\.js)"/.exec(await index.text());
  const asset = await fetch(appliance.api + script, { headers: taking });
  assert.equal(asset.headers.get("content-encoding"), "br");
  assert.match(asset.headers.get("cache-control"), /immutable/);
  const lacking = await fetch(`${appliance.api}/assets/none.js`);
  assert.equal(lacking.status, 404);
  assert.equal((await lacking.json()).code, "NOT_FOUND");
});
