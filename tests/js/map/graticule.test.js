import assert from "node:assert/strict";
import { test } from "node:test";

import { covers, degreesLabel, graticule, graticuleStep, grown } from "../../../static/js/map/graticule.js";

const labels = (box, step) => graticule(box, step).features.map(({ properties }) => properties.label);

test("lines are at least 140 pixels apart, and at most 400 except at the extremes", () => {
  for (let zoom = 0; zoom <= 22; zoom += 0.1) {
    const pixels = (graticuleStep(zoom) * 512 * 2 ** zoom) / 360;
    if (graticuleStep(zoom) < 30) assert.ok(pixels >= 140, `${pixels} at ${zoom}`);
    if (graticuleStep(zoom) > 0.001) assert.ok(pixels <= 400, `${pixels} at ${zoom}`);
  }
});

test("degrees have their direction, and enough decimals to distinguish two lines", () => {
  assert.equal(degreesLabel(24, ["E", "W"], 2), "24° E");
  assert.equal(degreesLabel(-24.5, ["E", "W"], 0.5), "24.5° W");
  assert.equal(degreesLabel(-0.05, ["N", "S"], 0.05), "0.05° S");
  assert.equal(degreesLabel(35.5, ["N", "S"], 0.002), "35.500° N");
  assert.deepEqual(
    [0, -180, 180].map((degrees) => degreesLabel(degrees, ["E", "W"], 10)),
    ["0°", "180°", "180°"],
  );
});

test("the lines of a box are the multiples of the step in it", () => {
  assert.deepEqual(labels([23.9, 35.4, 24.15, 35.55], 0.1), ["23.9° E", "24.0° E", "24.1° E", "35.4° N", "35.5° N"]);
});

test("across the antimeridian the degrees continue from the other side", () => {
  assert.deepEqual(labels([170, 1, 195, 2], 10), ["170° E", "180°", "170° W"]);
});

test("the whole world has each meridian once, and no line beyond the end of the map", () => {
  const { features } = graticule([-600, -90, 600, 90], 30);
  assert.equal(features.length, 12 + 5);
  const latitudes = features.flatMap(({ geometry }) => geometry.coordinates.map(([, latitude]) => latitude));
  assert.ok(Math.max(...latitudes.map(Math.abs)) <= 85);
});

test("a grown box covers moves by its own size", () => {
  const box = grown([0, 0, 10, 5]);
  assert.ok(covers(box, [9, 4, 19, 9]) && covers(box, [-10, -5, 0, 0]));
  assert.ok(!covers(box, [11, 0, 21, 5]));
});
