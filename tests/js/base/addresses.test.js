import assert from "node:assert/strict";
import { test } from "node:test";

const published = { root: "/north", severities: [], default_severity: "Medium", limits: {}, plain_texts: [] };
globalThis.document = { getElementById: () => ({ textContent: JSON.stringify(published) }) };
const { ownName, within } = await import("../../../static/js/base/addresses.js");

test("a path of a tracker below a root begins with the root", () => {
  assert.equal(within("/tracker/incident/7/"), "/north/tracker/incident/7/");
});

test("keys in the browser's storage have the whole root, so that no other root matches", () => {
  assert.equal(ownName("session"), "tracker /north session");
  assert.ok(!"tracker /north.report. x".startsWith(ownName("report.")));
});
