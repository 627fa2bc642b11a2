import assert from "node:assert/strict";
import { test } from "node:test";

import { IdempotencyKeys, newKey } from "../../../static/js/base/idempotency-keys.js";

const counting = () => {
  let count = 0;
  return new IdempotencyKeys(() => `key ${++count}`);
};

test("a second try has the key of the first", () => {
  const intentions = counting();
  assert.equal(intentions.keyOf("save"), intentions.keyOf("save"));
});

test("another request, and the same one after its answer, get new keys", () => {
  const intentions = counting();
  const keys = [intentions.keyOf("save"), intentions.keyOf("mute")];
  intentions.done("save");
  keys.push(intentions.keyOf("save"));
  assert.equal(new Set(keys).size, 3);
});

test("of many unanswered requests the oldest key is dropped", () => {
  const intentions = counting();
  const first = intentions.keyOf("0");
  for (let number = 1; number <= 100; number++) intentions.keyOf(`${number}`);
  const last = intentions.keyOf("100");
  assert.notEqual(intentions.keyOf("0"), first);
  assert.equal(intentions.keyOf("100"), last);
});

test("keys are long, random, and of plain characters", () => {
  assert.match(newKey(), /^[0-9a-f]{32}$/);
  assert.notEqual(newKey(), newKey());
});
