import assert from "node:assert/strict";
import { test } from "node:test";

import { coordinateWords, parseCoordinates } from "../../../static/js/base/coordinates.js";

const SAME = [
  "35.34, 25.13",
  "35.34,25.13",
  "35.34 25.13",
  "  (35.34; 25.13) ",
  "geo:35.34,25.13",
  "35,34 25,13",
  "35,34; 25,13",
  "35,34° N, 25,13° E",
  "35.34N 25.13E",
  "N35.34 E25.13",
  "25.13° E, 35.34° N",
  "35°20'24\"N 25°7'48\"E",
  "35° 20′ 24″ N, 25° 7′ 48″ E",
  "35°20’24”N 25°7’48”E",
  "N 35 20 24 E 25 7 48",
  "35 20.4 25 7.8",
  "35 20 24 25 7 48",
  "35°20.4'N 25°7.8'E",
];

test("a position is read in each of the usual spellings", () => {
  for (const text of SAME) {
    const point = parseCoordinates(text);
    assert.ok(point, text);
    const [longitude, latitude] = point.coordinates;
    assert.ok(Math.abs(longitude - 25.13) < 1e-6 && Math.abs(latitude - 35.34) < 1e-6, `${text}: ${point.coordinates}`);
  }
});

test("south and west are negative, by letter or by sign", () => {
  for (const text of ["-33.5, -70.25", "33.5 S, 70.25 W", "−33.5 −70.25", "33°30'S 70°15'W"]) {
    const found = parseCoordinates(text)?.coordinates;
    assert.deepEqual(found && [Math.abs(found[0]), found[1]], [70.25, -33.5], text);
  }
  assert.deepEqual(parseCoordinates("-0 30, 10 0").coordinates, [10, -0.5]);
});

test("texts that say no position, or two in one, are none", () => {
  const texts = [
    "",
    "Chania",
    "35.34",
    "35.34, 25.13, 7",
    "91, 10",
    "10, 181",
    "35 61 0 N, 25 0 0 E",
    "35.34 N, 25.13 N",
    "-35.34 S, 25 E",
    "35.5 20 N, 25 E",
    "1 2 3 4 5",
    "12 Harbour Road",
    '35°24"N 25°E',
    "E 5",
    "35 N, 25 O",
    "2026-01-31",
    "9".repeat(400),
    "1 ".repeat(5000),
  ];
  for (const text of texts) assert.equal(parseCoordinates(text), null, text.slice(0, 40));
});

test("a position is said with its directions", () => {
  assert.equal(coordinateWords([25.13, 35.34]), "35.34000° N, 25.13000° E");
  assert.equal(coordinateWords([-70.25, -33.5]), "33.50000° S, 70.25000° W");
});
