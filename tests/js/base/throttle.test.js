import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Throttle } from "../../../static/js/base/throttle.js";

const settled = () => new Promise((done) => setImmediate(done));

/** A throttle whose pauses end only when the test says so. */
function paused(work) {
  const pauses = [];
  const ends = [];
  let now = 0;
  const throttle = new Throttle(
    () => work((milliseconds) => (now += milliseconds)),
    (milliseconds) => new Promise((done) => ends.push(done) && pauses.push(milliseconds)),
    () => now,
  );
  return { throttle, pauses, endPause: () => ends.shift()() };
}

test("requests during a pause are one run after it", async () => {
  let runs = 0;
  const { throttle, pauses, endPause } = paused(async (take) => take(++runs * 10));
  throttle.request();
  throttle.request();
  await settled();
  assert.equal(runs, 1);
  throttle.request();
  throttle.request();
  await settled();
  assert.equal(runs, 1);
  endPause();
  await settled();
  assert.equal(runs, 2);
  assert.deepEqual(pauses, [10, 20]);
});

test("without a request nothing runs again", async () => {
  let runs = 0;
  const { throttle, endPause } = paused(async () => {
    runs += 1;
  });
  throttle.request();
  await settled();
  endPause();
  await settled();
  assert.equal(runs, 1);
});

test("work that fails is reported, and the next request is done", async () => {
  const warn = mock.method(console, "warn", () => {});
  let runs = 0;
  const { throttle, endPause } = paused(async () => {
    runs += 1;
    if (runs === 1) throw new Error("no map");
  });
  throttle.request();
  await settled();
  throttle.request();
  endPause();
  await settled();
  assert.equal(runs, 2);
  assert.equal(warn.mock.callCount(), 1);
  warn.mock.restore();
});
