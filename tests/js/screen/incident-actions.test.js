import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { incident } from "../examples.js";

const { changeOf, incidentActions, possible } = await import("../../../static/js/screen/incident-actions.js");
const { ApiError } = await import("../../../static/js/base/api.js");

const BARE = /[\u2068\u2069]/g;
const report = incident(7, { name: "Smoke", verified: false, version: "5-abcd" });

/** Carries out an act, with this answer of the server. Returns the notices and the requests. */
async function done(act, answer, { agrees = true } = {}) {
  const [said, asked] = [[], []];
  const send = async (...request) => {
    asked.push(request);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const act_ = incidentActions((sentence) => said.push(sentence.replace(BARE, "")), { send, ask: () => agrees });
  await act_(act, report);
  return { said, asked };
}

const refused = (status, answer) => new ApiError("The server's words.", status, answer);

test("what is possible follows from the state", () => {
  assert.deepEqual(possible(incident(1)), ["close"]);
  assert.deepEqual(possible(incident(1, { closed: true, verified: true })), ["reopen"]);
  assert.deepEqual(possible(report), ["confirm", "discard", "close"]);
});

test("closing sends nothing but the state and the version", () => {
  assert.deepEqual(changeOf("close", "5-abcd"), { type: "Feature", properties: { closed: true, version: "5-abcd" } });
  assert.deepEqual(changeOf("reopen"), { type: "Feature", properties: { closed: false } });
});

test("confirming is for the version that was seen", async () => {
  const { said, asked } = await done("confirm", null);
  assert.deepEqual(said, ["Confirmed “Smoke”."]);
  const change = { type: "Feature", properties: { verified: true } };
  assert.deepEqual(asked, [["PATCH", "/api/incidents/7/", change, { ifMatch: "5-abcd" }]]);
});

test("discarding asks first", async () => {
  assert.deepEqual(await done("discard", null, { agrees: false }), { said: [], asked: [] });
  const { said, asked } = await done("discard", null);
  assert.deepEqual(said, ["Discarded “Smoke”."]);
  assert.deepEqual(asked, [["DELETE", "/api/incidents/7/", undefined, { ifMatch: "5-abcd" }]]);
});

test("a report that was changed meanwhile names who changed it", async () => {
  const conflicts = [{ field: "name", yours: null, theirs: "Fire", by: "ada", at: null }];
  const { said } = await done("confirm", refused(412, { conflicts }));
  assert.deepEqual(said, ["ada has changed “Smoke” since. Look at it again, then choose."]);
});

test("a deleted incident and other refusals are said", async () => {
  assert.deepEqual((await done("close", refused(404))).said, ["“Smoke” was deleted."]);
  assert.deepEqual((await done("close", refused(503))).said, ["The server's words."]);
});
