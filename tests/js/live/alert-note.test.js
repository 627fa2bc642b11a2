import assert from "node:assert/strict";
import { test } from "node:test";

import { AlertNote } from "../../../static/js/live/alert-note.js";

const one = { id: 5, seq: 10 };
const escalated = { id: 5, seq: 12 };
const other = { id: 6, seq: 11 };

test("a note belongs to the alerts at its start", () => {
  const note = new AlertNote();
  assert.equal(note.isFor(other), true);
  note.follow("B", [one]);
  note.follow("Boat", [one, other]);
  assert.deepEqual(
    [one, other, escalated].map((each) => note.isFor(each)),
    [true, false, false],
  );
  note.follow("", [one, other]);
  assert.equal(note.isFor(other), true);
});

test("a note whose alerts are over belongs to the others after its next change", () => {
  const note = new AlertNote();
  note.follow("Boat", [one]);
  assert.equal(note.isFor(other), false);
  note.follow("Boat too", [other]);
  assert.equal(note.isFor(other), true);
});
