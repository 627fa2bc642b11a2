import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { latest } from "../../../static/js/live/sync.js";

/** An asker whose answers come when the test says so. */
function asker() {
  const answers = [];
  const taken = [];
  let gaveUp = 0;
  const ask = () => new Promise((resolve, reject) => answers.push({ resolve, reject }));
  const load = latest(
    ask,
    (answer) => taken.push(answer),
    () => (gaveUp += 1),
  );
  return { load, answers, taken, gaveUp: () => gaveUp };
}

test("an answer that was asked for earlier never replaces a newer one", async () => {
  const { load, answers, taken } = asker();
  const both = [load(), load()];
  answers[1].resolve("newer");
  answers[0].resolve("older");
  await Promise.all(both);
  assert.deepEqual(taken, ["newer"]);
});

test("a call that failed gives up once, unless a newer one is under way", async () => {
  const { load, answers, taken, gaveUp } = asker();
  const both = [load(), load()];
  answers[0].reject(new Error("no network"));
  await both[0];
  assert.equal(gaveUp(), 0);
  answers[1].reject(new Error("no network"));
  await both[1];
  assert.equal(gaveUp(), 1);
  assert.deepEqual(taken, []);
});
