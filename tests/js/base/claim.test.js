import "../published.js";
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { claim } from "../../../static/js/base/claim.js";

/** The Web Locks of one browser, as far as claims use them. @param {Set<string>} held */
const locksOf = (held) => ({
  request(name, _options, run) {
    if (held.has(name)) return run(null);
    held.add(name);
    return Promise.resolve(run({ name })).finally(() => held.delete(name));
  },
});

const kept = new Map();

function browser(locks) {
  Object.defineProperty(globalThis, "navigator", { configurable: true, value: { locks } });
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  kept.clear();
  globalThis.localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
});

test("of tabs that ask at once, one gets it, even before they see what the others stored", async () => {
  browser(locksOf(new Set()));
  globalThis.localStorage = { getItem: () => null, setItem() {} };
  const answers = await Promise.all([claim("sound", "a", 7), claim("sound", "a", 7), claim("sound", "a", 7)]);
  assert.deepEqual(answers, [true, false, false]);
});

test("a tab that comes later finds the number taken, but not a higher one, and not those of another log", async () => {
  browser(locksOf(new Set()));
  assert.equal(await claim("sound", "a", 7), true);
  mock.timers.tick(60_000);
  assert.equal(await claim("sound", "a", 7), false);
  assert.equal(await claim("sound", "a", 6), false);
  assert.equal(await claim("sound", "a", 8), true);
  assert.equal(await claim("sound", "b", 1), true);
});

test("each kind is claimed by itself", async () => {
  browser(locksOf(new Set()));
  assert.equal(await claim("sound", "a", 7), true);
  assert.equal(await claim("desktop", "a", 7), true);
});

test("without Web Locks the stored number decides", async () => {
  browser(undefined);
  assert.equal(await claim("sound", "a", 7), true);
  assert.equal(await claim("sound", "a", 7), false);
});

test("a browser that stores nothing still has its locks", async () => {
  browser(locksOf(new Set()));
  globalThis.localStorage = {
    getItem() {
      throw new Error("blocked");
    },
    setItem() {
      throw new Error("blocked");
    },
  };
  assert.deepEqual(await Promise.all([claim("sound", "a", 7), claim("sound", "a", 7)]), [true, false]);
});
