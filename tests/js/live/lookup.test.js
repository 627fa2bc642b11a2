import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { named } from "../../../static/js/live/lookup.js";
import { incident } from "../examples.js";

const found = (text, names, limit = 5) =>
  named(
    names.map((name, pk) => incident(pk, { name })),
    text,
    limit,
  ).map(({ properties }) => properties.name);

test("a name is found by the beginnings or parts of its words, without case and accents", () => {
  assert.deepEqual(found("strasse", ["Flood", "Hafenstraße"]), ["Hafenstraße"]);
  assert.deepEqual(found("ΦΩΤΙΑ", ["Φωτιά στο λιμάνι"]), ["Φωτιά στο λιμάνι"]);
  assert.deepEqual(found("mill fire", ["Fire at the mill", "Fire"]), ["Fire at the mill"]);
  assert.deepEqual(found("  ", ["Fire"]), []);
});

test("names that begin with the text come first, then the newest", () => {
  const names = ["Big fire", "Fire one", "Small fire", "Fire two"];
  assert.deepEqual(found("fire", names), ["Fire two", "Fire one", "Small fire", "Big fire"]);
  assert.deepEqual(found("fire", names, 2), ["Fire two", "Fire one"]);
});

test("a number is found first, with or without its sign", () => {
  const names = ["Fire", "Flood", "Pump 1"];
  assert.deepEqual(found("1", names), ["Flood", "Pump 1"]);
  assert.deepEqual(found("#1", names).slice(0, 1), ["Flood"]);
  assert.deepEqual(found("#99", names), []);
});
