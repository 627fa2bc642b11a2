import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { DiffQueue } from "../../../static/js/map/diff-queue.js";
import { incident } from "../examples.js";

const settled = () => new Promise((done) => setImmediate(done));

/** A queue whose receiver finishes each diff only when the test says so. */
function slow() {
  const diffs = [];
  const finish = [];
  const queue = new DiffQueue(
    (diff) => {
      diffs.push(diff);
      return new Promise((done) => finish.push(done));
    },
    async () => {},
  );
  return { queue, diffs, finish };
}

test("changes of one turn are one diff, with the last state of each feature", async () => {
  const { queue, diffs } = slow();
  queue.put(1, incident(1));
  queue.put(2, incident(2));
  queue.put(1, null);
  await settled();
  assert.equal(diffs.length, 1);
  assert.deepEqual(diffs[0].remove, [1, 2]);
  assert.deepEqual(
    diffs[0].add.map(({ properties }) => properties.pk),
    [2],
  );
});

test("a burst during a diff waits for its end and is then one diff", async () => {
  const { queue, diffs, finish } = slow();
  queue.put(0, incident(0));
  await settled();
  for (let pk = 1; pk <= 500; pk += 1) queue.put(pk, incident(pk));
  await settled();
  assert.equal(diffs.length, 1);
  finish[0]();
  await settled();
  assert.equal(diffs.length, 2);
  assert.equal(diffs[1].add.length, 500);
});

test("the pause is as long as the receiver's work", async () => {
  const waits = [];
  let now = 0;
  const queue = new DiffQueue(
    async () => {
      now += 80;
    },
    async (milliseconds) => void waits.push(milliseconds),
    () => now,
  );
  queue.put(1, incident(1));
  await settled();
  assert.deepEqual(waits, [80]);
});

test("cleared changes are not sent", async () => {
  const { queue, diffs } = slow();
  queue.put(1, incident(1));
  queue.clear();
  await settled();
  assert.deepEqual(diffs, []);
});

test("a diff that fails is reported and does not stop the later ones", async () => {
  const warn = mock.method(console, "warn", () => {});
  const diffs = [];
  let failed = false;
  const queue = new DiffQueue(
    async (diff) => {
      if (!failed) {
        failed = true;
        throw new Error("the style was not ready");
      }
      diffs.push(diff);
    },
    async () => {},
  );
  queue.put(1, incident(1));
  await settled();
  queue.put(2, incident(2));
  await settled();
  assert.equal(diffs.length, 1);
  assert.equal(warn.mock.callCount(), 1);
  warn.mock.restore();
});
