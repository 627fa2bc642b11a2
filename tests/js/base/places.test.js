import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { nearestPlace, placeSearch, readPlaces, way, whereabouts } from "../../../static/js/base/places.js";

const FILE = {
  countries: { GR: "Greece", CH: "Switzerland", DK: "Denmark", US: "United States", MC: "Monaco", FJ: "Fiji" },
  places: [
    ["Athens", "GR", 23.728, 37.984, 664046, 1],
    ["Zürich", "CH", 8.55, 47.367, 341730, 0],
    ["Athens", "US", -83.378, 33.961, 116714, 0],
    ["New Athens", "US", -83, 34, 100000, 0],
    ["Labasa", "FJ", 179.38, -16.43, 27949, 0],
    ["Chaniá", "GR", 24.029, 35.511, 53910, 0],
    ["Helsingør", "DK", 12.592, 56.036, 46492, 0],
    ["Monaco", "MC", 7.419, 43.731, 32965, 1],
  ],
};
const PLACES = readPlaces(FILE);
const search = placeSearch(PLACES);
const names = (text, limit) => search(text, limit).map(({ name, country }) => `${name}, ${country}`);

test("Greek names lose the mark of stress, others keep their letters", () => {
  assert.deepEqual(
    PLACES.map(({ name }) => name).filter((name) => /^(C|Z|H)/.test(name)),
    ["Zürich", "Chania", "Helsingør"],
  );
});

test("case, accents and letters with strokes make no difference", () => {
  for (const text of ["zurich", "ZÜRICH", "Zu\u0308rich", " züri "])
    assert.deepEqual(names(text), ["Zürich, Switzerland"]);
  assert.deepEqual(names("chaniá"), ["Chania, Greece"]);
  assert.deepEqual(names("helsingor"), ["Helsingør, Denmark"]);
});

test("names that start with the text come before names that contain it, and larger places first", () => {
  assert.deepEqual(names("athens"), ["Athens, Greece", "Athens, United States", "New Athens, United States"]);
  assert.deepEqual(names("athens", 1), ["Athens, Greece"]);
});

test("the country narrows the search, with or without a comma", () => {
  for (const text of ["Athens, Greece", "athens gre", "greece athens"])
    assert.deepEqual(names(text), ["Athens, Greece"]);
});

test("an empty or unknown text finds nothing", () => {
  for (const text of ["", "  ", ",", "xyzzy", "thens"]) assert.deepEqual(names(text), [], text);
});

test("the nearest place is found across the antimeridian and beside the poles", () => {
  assert.equal(nearestPlace(PLACES, [-179.9, -16.5]).name, "Labasa");
  assert.equal(nearestPlace(PLACES, [0, 90]).name, "Helsingør");
  assert.equal(nearestPlace([], [0, 0]), null);
});

test("the way between two places has a length and a direction", () => {
  const { km, bearing } = way([0, 0], [0, 1]);
  assert.ok(Math.abs(km - 111.2) < 0.1 && bearing === 0);
  assert.equal(Math.round(way([179, 0], [-179, 0]).bearing), 90);
});

test("a position in words is near a place, or a distance and direction from it, or empty on an ocean", () => {
  const shared = JSON.parse(readFileSync(new URL("../../data/whereabouts.json", import.meta.url), "utf8"));
  for (const [position, words] of shared.examples) assert.equal(whereabouts(readPlaces(shared), position), words);
  assert.equal(whereabouts([], [0, 0]), "");
});
