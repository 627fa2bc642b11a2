import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { contains, newestIn, summaryWords } from "../../../static/js/screen/panel-entries.js";
import { incident } from "../examples.js";

test("a box across the antimeridian contains positions on both sides of it", () => {
  const fiji = [170, -20, 190, -10];
  assert.ok(contains(fiji, [178, -18]));
  assert.ok(contains(fiji, [-175, -15]));
  assert.ok(!contains(fiji, [165, -15]));
  assert.ok(!contains(fiji, [-165, -15]));
});

test("a box on a neighbouring copy of the world contains positions there", () => {
  assert.ok(contains([380, 30, 390, 40], [24, 35]));
  assert.ok(contains([-340, 30, -330, 40], [24, 35]));
  assert.ok(contains([-180, -90, 180, 90], [24, 35]));
});

test("the incidents in view come newest first, and no more than can be read", () => {
  const many = Array.from({ length: 300 }, (_, pk) => incident(pk, { created: new Date(pk * 1000).toISOString() }));
  const far = incident(999, {}, [-100, 0]);
  const { count, first } = newestIn([...many, far], [20, 30, 30, 40]);
  assert.equal(count, 300);
  assert.equal(first.length, 100);
  assert.deepEqual(
    first.slice(0, 2).map(({ properties }) => properties.pk),
    [299, 298],
  );
});

test("the closed sheet counts what is unacknowledged, or else the incidents in view", () => {
  assert.equal(summaryWords(12, 46), "12 unacknowledged, 46 in view");
  assert.equal(summaryWords(0, 46), "46 incidents in view");
});
