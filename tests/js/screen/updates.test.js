import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import "../published.js";

const kept = new Map();
const storage = (map) => ({ getItem: (key) => map.get(key) ?? null, setItem: (key, value) => map.set(key, value) });
const listeners = new Map();
let reloads = 0;
let dialog = null;
Object.assign(globalThis, {
  sessionStorage: storage(kept),
  localStorage: storage(new Map()),
  location: { reload: () => (reloads += 1) },
  addEventListener: (type, listener) => listeners.set(type, listener),
});
Object.assign(document, {
  createElement: () => Object.assign(new EventTarget(), { append() {}, setAttribute() {} }),
  querySelector: () => dialog,
});

const { followUpdates, isOlder } = await import("../../../static/js/screen/updates.js");
const { watchUnsaved } = await import("../../../static/js/base/unsaved.js");

let unsaved = false;
watchUnsaved(() => unsaved);

const MINUTE = 60_000;
const NEWER = "0.10.0"; // than that of published.js; as a text it would come before it

function page() {
  const said = [];
  const hear = followUpdates({ say: (...words) => said.push(words) });
  return { said, hear };
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setInterval", "Date"], now: Date.UTC(2030, 0) });
  kept.clear();
  reloads = 0;
  unsaved = false;
  dialog = null;
  localStorage.setItem("tracker.sound", "off");
});

test("versions are compared by number", () => {
  const older = [
    ["0.3.0", "0.3.1"],
    ["0.3.0", "0.10.0"],
    ["0.9.9", "1.0.0"],
  ];
  for (const [mine, other] of older) {
    assert.equal(isOlder(mine, other), true);
    assert.equal(isOlder(other, mine), false);
  }
  for (const other of ["0.3.0", undefined, null, "", "newest", "0", "0.3"])
    assert.equal(isOlder("0.3.0", other), false);
});

test("a page that is not older says nothing and stays", () => {
  const { said, hear } = page();
  for (const version of ["0.3.0", "0.2.9", undefined]) hear(version);
  mock.timers.tick(10 * MINUTE);
  assert.deepEqual([said.length, reloads], [0, 0]);
});

test("an older page says once that there is a newer one, and loads itself anew within two minutes", () => {
  const { said, hear } = page();
  hear(NEWER);
  hear(NEWER);
  assert.equal(said.length, 1);
  assert.match(said[0][0], /^Tracker was updated/);
  mock.timers.tick(2 * MINUTE);
  assert.equal(reloads, 1);
});

test("the button loads it at once", () => {
  const { said, hear } = page();
  hear(NEWER);
  said[0][1].actions[0].dispatchEvent(new Event("click"));
  assert.equal(reloads, 1);
});

const obstacles = {
  "unsaved work": (on) => (unsaved = on),
  "an open dialog": (on) => (dialog = on ? {} : null),
  "sound for alerts": (on) => localStorage.setItem("tracker.sound", on ? "on" : "off"),
};
for (const [what, put] of Object.entries(obstacles))
  test(`${what} keeps the page`, () => {
    page().hear(NEWER);
    put(true);
    mock.timers.tick(20 * MINUTE);
    assert.equal(reloads, 0);
    put(false);
    mock.timers.tick(MINUTE);
    assert.equal(reloads, 1);
  });

test("somebody who types or clicks now and then keeps the page", () => {
  page().hear(NEWER);
  for (const type of ["keydown", "pointerdown", "input"])
    for (let time = 0; time < 10; time += 1) {
      listeners.get(type)();
      mock.timers.tick(20_000);
    }
  assert.equal(reloads, 0);
  mock.timers.tick(MINUTE);
  assert.equal(reloads, 1);
});

test("a page that is still old after it was loaded anew rests for ten minutes", () => {
  page().hear(NEWER);
  mock.timers.tick(2 * MINUTE);
  assert.equal(reloads, 1);
  mock.timers.reset(); // the old page is gone
  mock.timers.enable({ apis: ["setInterval", "Date"], now: Date.UTC(2030, 0) + 2 * MINUTE });
  const { said, hear } = page();
  hear(NEWER);
  mock.timers.tick(7 * MINUTE);
  assert.deepEqual([said.length, reloads], [1, 1]);
  mock.timers.tick(5 * MINUTE);
  assert.equal(reloads > 1, true);
});

test("a browser that keeps nothing loads nothing anew by itself", () => {
  mock.method(globalThis.sessionStorage, "getItem", () => {
    throw new Error("blocked");
  });
  page().hear(NEWER);
  mock.timers.tick(20 * MINUTE);
  assert.equal(reloads, 0);
  mock.restoreAll();
});
