import assert from "node:assert/strict";
import { test } from "node:test";

import { isPlain, labelPosition, nameFeature, shortName } from "../../../static/js/map/area-names.js";
import { covers } from "../../../static/js/base/geojson.js";
import { area } from "../examples.js";

const polygon = (...rings) => ({ type: "Polygon", coordinates: rings });
const SQUARE = [
  [0, 0],
  [4, 0],
  [4, 4],
  [0, 4],
  [0, 0],
];

test("a name stands inside its area, also where the middle is outside or a hole", () => {
  const horseshoe = [
    [0, 0],
    [6, 0],
    [6, 6],
    [4, 6],
    [4, 2],
    [2, 2],
    [2, 6],
    [0, 6],
    [0, 0],
  ];
  const hole = [
    [1, 1],
    [3, 1],
    [3, 3],
    [1, 3],
    [1, 1],
  ];
  assert.deepEqual(labelPosition(polygon(SQUARE)), [2, 2]);
  for (const shape of [polygon(horseshoe), polygon(SQUARE, hole)]) assert.ok(covers(shape, labelPosition(shape)));
});

test("an area without a width has its name at its outline", () => {
  const line = [
    [1, 1],
    [1, 1],
    [1, 1],
    [1, 1],
  ];
  assert.deepEqual(labelPosition(polygon(line)), [1, 1]);
});

test("a long name is cut between letters as people see them, a short one stays", () => {
  assert.equal(shortName("Old  harbour\n"), "Old harbour");
  const cut = shortName("é".normalize("NFD").repeat(60));
  assert.equal(cut, `${"é".repeat(39)}…`);
  const families = shortName("👩‍👩‍👧".repeat(50));
  assert.ok(families.endsWith("👩‍👩‍👧…"));
});

test("scripts whose letters join, turn or stack are drawn by the browser", () => {
  for (const plain of ["Old harbour 3 (east), 50 €", "Παλιό λιμάνι", "Порт", "港町", "한강"])
    assert.ok(isPlain(plain), plain);
  for (const other of ["الميناء", "נמל", "बंदरगाह", "ท่าเรือ", "Fire 🔥"]) assert.ok(!isPlain(other), other);
  assert.equal(nameFeature(area(1, { name: "Mill" })).properties.text, "Mill");
  assert.equal(nameFeature(area(2, { name: "الميناء" })).properties.image, "text:الميناء");
});
