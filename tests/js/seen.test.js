import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { AlertNote } from "../../static/js/live/alert-note.js";
import { keyOf, Seen, SEEN_MS, seenUpTo } from "../../static/js/live/seen.js";
import { compare } from "../../static/js/base/session.js";

const one = { id: 5, seq: 10 };
const escalated = { id: 5, seq: 12 };
const other = { id: 6, seq: 11 };

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("an alert is seen when it has been on the screen for a second", () => {
  let told = 0;
  const seen = new Seen(() => (told += 1));
  seen.appear(keyOf(one));
  mock.timers.tick(SEEN_MS - 1);
  assert.equal(seen.has(keyOf(one)), false);
  mock.timers.tick(1);
  assert.equal(seen.has(keyOf(one)), true);
  assert.equal(told, 1);
});

test("one that comes later is not seen yet, and an escalation is not either", () => {
  const seen = new Seen();
  seen.appear(keyOf(one));
  mock.timers.tick(SEEN_MS / 2);
  seen.appear(keyOf(other));
  mock.timers.tick(SEEN_MS / 2);
  assert.deepEqual(
    [one, other].map((each) => seen.has(keyOf(each))),
    [true, false],
  );
  seen.appear(keyOf(escalated));
  assert.equal(seen.has(keyOf(escalated)), false);
});

test("a glance is none: what leaves the screen begins anew, what was seen stays seen", () => {
  const seen = new Seen();
  for (let glance = 0; glance < 3; glance += 1) {
    seen.appear(keyOf(one));
    mock.timers.tick(SEEN_MS - 1);
    seen.vanish(keyOf(one));
  }
  mock.timers.tick(SEEN_MS);
  assert.equal(seen.has(keyOf(one)), false);
  seen.appear(keyOf(one));
  mock.timers.tick(SEEN_MS);
  seen.vanish(keyOf(one));
  assert.equal(seen.has(keyOf(one)), true);
});

test("drawing the same alert again does not begin anew, and what is gone is forgotten", () => {
  const seen = new Seen();
  for (let part = 0; part < 4; part += 1) {
    seen.appear(keyOf(one));
    seen.keep(new Set([keyOf(one)]));
    mock.timers.tick(SEEN_MS / 4);
  }
  assert.equal(seen.has(keyOf(one)), true);
  seen.keep(new Set());
  assert.equal(seen.has(keyOf(one)), false);
});

test("what was seen is named by the newest entry of the log", () => {
  assert.equal(seenUpTo([one, other]), 11);
});

test("a note is for what was there when it was begun", () => {
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

test("a note whose alerts are over is for the others once it is changed", () => {
  const note = new AlertNote();
  note.follow("Boat", [one]);
  assert.equal(note.isFor(other), false);
  note.follow("Boat too", [other]);
  assert.equal(note.isFor(other), true);
});

test("a page takes the token of its own account only", () => {
  assert.equal(compare("Ann", { user: "Ann", token: "t" }), "same");
  assert.equal(compare("", { user: "Ann", token: "t" }), "same");
  assert.equal(compare("Ann", { user: "Bob", token: "t" }), "other");
  assert.equal(compare("Ann", { user: "", token: "t" }), "nobody");
});
