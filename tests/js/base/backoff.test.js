import assert from "node:assert/strict";
import { test } from "node:test";

import { backoff, MAX_DELAY_MS, MIN_DELAY_MS } from "../../../static/js/base/backoff.js";

const LATE = 0.999999; // the greatest thing that chance brings

test("the first wait is from half a second to a second", () => {
  assert.equal(
    backoff(0, () => 0),
    MIN_DELAY_MS,
  );
  assert.ok(backoff(0, () => LATE) <= 2 * MIN_DELAY_MS);
});

test("the longest possible wait doubles with every attempt", () => {
  const longest = [0, 1, 2, 3].map((attempt) => Math.round(backoff(attempt, () => LATE)));
  assert.deepEqual(longest, [1000, 2000, 4000, 8000]);
});

test("no wait is ever shorter than half a second or longer than thirty", () => {
  for (let attempt = 0; attempt < 2000; attempt += 1) {
    const wait = backoff(attempt);
    assert.ok(wait >= MIN_DELAY_MS && wait <= MAX_DELAY_MS, `${wait} after ${attempt}`);
  }
});

test("waits of browsers that lost the server together are spread over the whole range", () => {
  const waits = Array.from({ length: 1000 }, () => backoff(10));
  const [early, late] = [5_000, 25_000].map((edge) => waits.filter((wait) => wait < edge).length);
  assert.ok(early > 50 && late < 950, `${early} before 5 s, ${late} before 25 s`);
});
