import assert from "node:assert/strict";
import { test } from "node:test";

import { DAY, isDue, isNight, isStale, STALE_MS } from "../../../static/js/screen/kiosk-time.js";

const hours = (night) => Array.from({ length: DAY }, (_, hour) => hour).filter((hour) => isNight(night, hour));

test("a wall is dim in the hours of its link, also around midnight", () => {
  assert.deepEqual(hours("22-6"), [0, 1, 2, 3, 4, 5, 22, 23]);
  assert.deepEqual(hours("1-4"), [1, 2, 3]);
  assert.deepEqual(hours("7-7"), []);
});

test("a link without hours has the usual ones, and nonsense counts as none", () => {
  assert.deepEqual(hours(null), hours("22-6"));
  assert.deepEqual(hours("dusk"), hours("22-6"));
});

test("a link can say that its wall is always or never dim", () => {
  assert.equal(hours("on").length, DAY);
  assert.equal(hours("off").length, 0);
});

test("a short interruption is not worth a word, a longer one and a cut network are", () => {
  const reconnecting = /** @type {const} */ ({ state: "reconnecting" });
  assert.equal(isStale({ state: "connected" }, null, 0), false);
  assert.equal(isStale(reconnecting, 0, STALE_MS - 1), false);
  assert.equal(isStale(reconnecting, 0, STALE_MS), true);
  assert.equal(isStale({ state: "offline" }, 0, 1), true);
});

test("a wall loads itself anew once a night, while it is connected and nothing has just happened", () => {
  const found = { age: 21 * 3_600_000, hour: 4, sinceAlert: Infinity, connected: true };
  assert.equal(isDue(found), true);
  for (const other of [{ age: 3_600_000 }, { hour: 5 }, { sinceAlert: 60_000 }, { connected: false }])
    assert.equal(isDue({ ...found, ...other }), false);
});
