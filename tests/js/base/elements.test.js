import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { stateWords, whenWords } from "../../../static/js/base/elements.js";

const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();

test("only a late report shows two times", () => {
  assert.equal(whenWords({ created: ago(5) }), "5 min ago");
  assert.equal(whenWords({ created: ago(5), happened: ago(5.5) }), "5 min ago");
  assert.equal(whenWords({ created: ago(5), happened: ago(125) }), "happened 2 h ago, reported 5 min ago");
});

test("suspected spam has its own word, other unverified reports theirs", () => {
  assert.deepEqual(stateWords({ closed: true, verified: true, suspected_spam: false }), ["Closed"]);
  assert.deepEqual(stateWords({ closed: false, verified: false, suspected_spam: false }), ["Unverified"]);
  assert.deepEqual(stateWords({ closed: false, verified: false, suspected_spam: true }), ["Suspected spam"]);
});
