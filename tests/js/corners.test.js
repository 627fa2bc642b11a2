import assert from "node:assert/strict";
import { test } from "node:test";

import { count, nearest, neighbour, positionOf, withCornerAt, withoutCorner } from "../../static/js/editor/corners.js";

const OUTLINE = [
  [0, 0],
  [9, 0],
  [9, 9],
  [0, 9],
  [0, 0],
];
const HOLE = [
  [2, 2],
  [2, 4],
  [4, 4],
  [2, 2],
];
const polygon = { type: "Polygon", coordinates: [OUTLINE, HOLE] };

test("without its first corner a ring still ends where it begins", () => {
  const { coordinates } = withoutCorner(polygon, { ring: 0, index: 0 });
  assert.deepEqual(coordinates, [
    [
      [9, 0],
      [9, 9],
      [0, 9],
      [9, 0],
    ],
    HOLE,
  ]);
});

test("an outline keeps three corners, a hole of three goes as a whole", () => {
  const triangle = withoutCorner(polygon, { ring: 0, index: 3 });
  assert.equal(count(triangle, 0), 3);
  assert.equal(withoutCorner(triangle, { ring: 0, index: 1 }), null);
  assert.deepEqual(withoutCorner(polygon, { ring: 1, index: 1 }).coordinates, [OUTLINE]);
});

test("the first corner can be moved, and the ring stays closed", () => {
  const { coordinates } = withCornerAt(polygon, { ring: 0, index: 0 }, [-1, -1]);
  assert.deepEqual(coordinates[0], [
    [-1, -1],
    [9, 0],
    [9, 9],
    [0, 9],
    [-1, -1],
  ]);
  assert.deepEqual(polygon.coordinates[0], OUTLINE);
});

test("one after the other all corners are reached, those of holes too, and round again", () => {
  const seen = [];
  let corner = null;
  for (let turn = 0; turn < 8; turn += 1) {
    corner = neighbour(polygon, corner, 1);
    seen.push(positionOf(polygon, corner));
  }
  assert.deepEqual(seen, [
    [0, 0],
    [9, 0],
    [9, 9],
    [0, 9],
    [2, 2],
    [2, 4],
    [4, 4],
    [0, 0],
  ]);
  assert.deepEqual(neighbour(polygon, { ring: 0, index: 0 }, -1), { ring: 1, index: 2 });
});

test("the nearest corner is chosen, none that is out of reach", () => {
  const from = (place) => (position) => Math.hypot(position[0] - place[0], position[1] - place[1]);
  assert.deepEqual(nearest(polygon, from([8, 8]), 2), { ring: 0, index: 2 });
  assert.deepEqual(nearest(polygon, from([3.5, 4]), 2), { ring: 1, index: 2 });
  assert.equal(nearest(polygon, from([6, 5]), 2), null);
});
