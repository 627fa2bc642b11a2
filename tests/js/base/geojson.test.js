import assert from "node:assert/strict";
import { test } from "node:test";

import {
  bounds,
  circle,
  format,
  hasLongEdge,
  longEdgesQuery,
  parseDegrees,
  parsePoint,
  parsePolygon,
  pointAt,
  shortWay,
  TypedError,
  wrap,
} from "../../../static/js/base/geojson.js";

const SQUARE = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
  [0, 0],
];
const HOLE = [
  [0.2, 0.2],
  [0.2, 0.4],
  [0.4, 0.4],
  [0.2, 0.2],
];

test("a typed point is read, from a feature too, and rounded to seven decimals", () => {
  assert.deepEqual(
    parsePoint('{"type": "Point", "coordinates": [24.01812345678, 35.5]}').coordinates,
    [24.0181235, 35.5],
  );
  assert.deepEqual(
    parsePoint('{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}}').coordinates,
    [1, 2],
  );
});

test("other values than a point are refused with a sentence", () => {
  const wrong = [
    "",
    "x",
    "null",
    "[]",
    '{"type": "Polygon"}',
    '{"type": "Point"}',
    '{"type": "Point", "coordinates": [1]}',
    '{"type": "Point", "coordinates": ["1", "2"]}',
    '{"type": "Point", "coordinates": [181, 0]}',
    '{"type": "Point", "coordinates": [0, 91]}',
  ];
  for (const text of wrong) assert.throws(() => parsePoint(text), TypedError, text);
});

test("a polygon keeps its holes", () => {
  const polygon = { type: "Polygon", coordinates: [SQUARE, HOLE] };
  assert.deepEqual(parsePolygon(format(polygon)), polygon);
});

test("a ring that is open or too short is refused", () => {
  for (const ring of [
    SQUARE.slice(0, 4),
    [
      [0, 0],
      [1, 0],
      [0, 0],
    ],
    [],
    "ring",
  ]) {
    assert.throws(() => parsePolygon(JSON.stringify({ type: "Polygon", coordinates: [ring] })), TypedError);
  }
  assert.throws(() => parsePolygon('{"type": "Polygon", "coordinates": []}'), TypedError);
});

test("degrees are read as typed, and both are needed", () => {
  assert.deepEqual(parseDegrees("24.018", " 35.5 ").coordinates, [24.018, 35.5]);
  assert.deepEqual(parseDegrees("-24,018", "35,5").coordinates, [-24.018, 35.5]);
  for (const [longitude, latitude] of [
    ["", "1"],
    ["1", ""],
    ["east", "1"],
    ["1", "1e400"],
    ["200", "1"],
    ["1,2,3", "1"],
  ]) {
    assert.throws(() => parseDegrees(longitude, latitude), TypedError, `${longitude} ${latitude}`);
  }
});

test("a click on a neighbouring copy of the world is a longitude within 180 degrees", () => {
  assert.deepEqual(pointAt(190, 10).coordinates, [-170, 10]);
  assert.deepEqual([wrap(-541), wrap(540), wrap(179.5), wrap(-180)], [179, -180, 179.5, -180]);
});

test("bounds hold every position of every geometry", () => {
  assert.deepEqual(bounds([pointAt(5, -3), { coordinates: [SQUARE] }]), [0, -3, 5, 1]);
  assert.equal(bounds([]), null);
});

test("a circle is cut off at the pole, and goes round the world at most once", () => {
  for (const [latitude, pole] of [
    [89.99, "north"],
    [-89.99, "south"],
  ]) {
    const [west, south, east, north] = bounds([circle([10, latitude], 50_000)]);
    assert.ok(south >= -90 && north <= 90, pole);
    assert.ok(pole === "north" ? north === 90 : south === -90, pole);
    assert.ok(east - west <= 360, pole);
  }
});

test("a circle of 111 km around the equator reaches one degree in each direction", () => {
  const [west, south, east, north] = bounds([circle([10, 0], 111_195)]);
  for (const [value, wanted] of [
    [west, 9],
    [south, -1],
    [east, 11],
    [north, 1],
  ])
    assert.ok(Math.abs(value - wanted) < 0.001, `${value}`);
});

test("an edge longer than 180 degrees is found, and turned the short way with its holes", () => {
  const ring = (...xs) => [...xs.map((x, i) => [x, i < 2 ? -20 : -15]), [xs[0], -20]];
  const fiji = { type: "Polygon", coordinates: [ring(177, -178, -178, 177), ring(-179, 179, 179, -179)] };
  assert.equal(hasLongEdge(fiji), true);
  assert.equal(longEdgesQuery(fiji), "?long_edges=keep");
  const short = shortWay(fiji);
  assert.deepEqual(short.coordinates, [ring(177, 182, 182, 177), ring(181, 179, 179, 181)]);
  assert.equal(longEdgesQuery(short), "");
  assert.equal(hasLongEdge({ type: "Polygon", coordinates: [ring(-180, 180, 180, -180)] }), false);
  assert.equal(longEdgesQuery({ type: "Point", coordinates: [1, 2] }), "");
});

test("a ring round a pole has no short way", () => {
  const ring = [
    [-170, 80],
    [-60, 80],
    [60, 80],
    [170, 80],
    [-170, 80],
  ];
  assert.equal(shortWay({ type: "Polygon", coordinates: [ring] }), null);
});
