import "./published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { stateWords, whenWords } from "../../static/js/base/elements.js";
import { EVERYTHING, matcher } from "../../static/js/live/filter.js";
import { fromLocal, toLocal } from "../../static/js/base/local-time.js";

const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();

test("two times are told only of what was reported late", () => {
  assert.equal(whenWords({ created: ago(5) }), "5 min. ago");
  assert.equal(whenWords({ created: ago(5), happened: ago(5.5) }), "5 min. ago");
  assert.equal(whenWords({ created: ago(5), happened: ago(125) }), "happened 2 hr. ago, reported 5 min. ago");
});

test("suspected spam is called so, and else what is unverified", () => {
  assert.deepEqual(stateWords({ closed: true, verified: true, suspected_spam: false }), ["closed"]);
  assert.deepEqual(stateWords({ closed: false, verified: false, suspected_spam: false }), ["unverified"]);
  assert.deepEqual(stateWords({ closed: false, verified: false, suspected_spam: true }), ["suspected spam"]);
});

test("the filter by time asks when it happened, and of what older versions told, when it was reported", () => {
  const lastHour = matcher({ ...EVERYTHING, since: "hour" }, new Map(), Date.now());
  assert.equal(lastHour({ properties: { created: ago(5), happened: ago(125) } }), false);
  assert.equal(lastHour({ properties: { created: ago(125), happened: ago(5) } }), true);
  assert.equal(lastHour({ properties: { created: ago(5) } }), true);
});

test("a moment survives the way through a field of local time", () => {
  assert.equal(fromLocal(toLocal("2026-07-01T10:30:00Z")), "2026-07-01T10:30:00.000Z");
  assert.equal(toLocal("half past ten"), "");
  assert.equal(fromLocal(""), "");
});
