import assert from "node:assert/strict";
import { test } from "node:test";

import {
  count,
  nearest,
  neighbour,
  positionOf,
  withVertexAt,
  withoutVertex,
} from "../../../static/js/editor/vertices.js";

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

test("without its first vertex a ring still ends where it begins", () => {
  const { coordinates } = withoutVertex(polygon, { ring: 0, index: 0 });
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

test("an outline keeps three vertices, and a hole of three is removed whole", () => {
  const triangle = withoutVertex(polygon, { ring: 0, index: 3 });
  assert.equal(count(triangle, 0), 3);
  assert.equal(withoutVertex(triangle, { ring: 0, index: 1 }), null);
  assert.deepEqual(withoutVertex(polygon, { ring: 1, index: 1 }).coordinates, [OUTLINE]);
});

test("the first vertex can be moved, and the ring stays closed", () => {
  const { coordinates } = withVertexAt(polygon, { ring: 0, index: 0 }, [-1, -1]);
  assert.deepEqual(coordinates[0], [
    [-1, -1],
    [9, 0],
    [9, 9],
    [0, 9],
    [-1, -1],
  ]);
  assert.deepEqual(polygon.coordinates[0], OUTLINE);
});

test("a step goes through all vertices, also those of holes, and then starts again", () => {
  const seen = [];
  let vertex = null;
  for (let turn = 0; turn < 8; turn += 1) {
    vertex = neighbour(polygon, vertex, 1);
    seen.push(positionOf(polygon, vertex));
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

test("the nearest vertex within reach is chosen, and no other", () => {
  const from = (place) => (position) => Math.hypot(position[0] - place[0], position[1] - place[1]);
  assert.deepEqual(nearest(polygon, from([8, 8]), 2), { ring: 0, index: 2 });
  assert.deepEqual(nearest(polygon, from([3.5, 4]), 2), { ring: 1, index: 2 });
  assert.equal(nearest(polygon, from([6, 5]), 2), null);
});
