import assert from "node:assert/strict";
import { test } from "node:test";

import { Replay } from "../../../static/js/live/replay.js";

function counted(changes, first = false) {
  const replay = new Replay(20, { first });
  for (let change = 0; change < changes; change += 1) replay.count();
  return replay.sentence;
}

test("the sentence says how many changes there were", () => {
  assert.equal(counted(1), "1 change while you were away");
  assert.equal(counted(2), "2 changes while you were away");
});

test("there is no sentence without a change, nor on a page that has just been opened", () => {
  assert.equal(counted(0), "");
  assert.equal(counted(3, true), "");
});
