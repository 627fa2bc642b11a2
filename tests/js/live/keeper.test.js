import "../published.js";
import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Keeper } from "../../../static/js/live/keeper.js";
import { Store } from "../../../static/js/live/store.js";
import { area, collection, deleted, hello, incident, saved } from "../examples.js";

const OWNER = { account: 1, epoch: "e", version: "1" };

/** A storage that answers each write in turn; without an answer it accepts. */
function storage(...answers) {
  const writes = [];
  return {
    writes,
    forgotten: 0,
    async write(about, texts, base, { force = false } = {}) {
      writes.push({ about, texts: Object.fromEntries(texts), base, force });
      return answers.shift() ?? `write ${writes.length}`;
    },
    async forget() {
      this.forgotten += 1;
    },
  };
}

/** A store with two incidents and an area, at entry 10, and its keeper. */
function kept(t, { base = null, answers = [] } = {}) {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const store = new Store();
  store.load({ incidents: collection([incident(1), incident(900)]), areas: collection([area(1)]) });
  store.apply(hello(10));
  const place = storage(...answers);
  return { store, place, keeper: new Keeper(store, place, OWNER, { base, pause: async () => {} }) };
}

async function pass(milliseconds) {
  mock.timers.tick(milliseconds);
  for (let turns = 0; turns < 20; turns++) await Promise.resolve();
}

const namesIn = ({ texts }) => Object.keys(texts).sort();

test("everything is written once after the load, in buckets, and then only what has changed", async (t) => {
  const { store, place } = kept(t);
  await pass(2_000);
  assert.deepEqual(namesIn(place.writes[0]), ["areas 0", "incidents 0", "incidents 1"]);
  assert.equal(place.writes[0].base, null);
  assert.deepEqual(JSON.parse(`[${place.writes[0].texts["incidents 1"]}]`), [incident(900)]);
  store.apply(saved(11, incident(2, { name: "New" })));
  store.apply(saved(12, incident(3)));
  await pass(5_000);
  assert.equal(place.writes.length, 2);
  const [, second] = place.writes;
  assert.deepEqual(namesIn(second), ["incidents 0"]);
  assert.equal(second.base, "write 1");
  assert.equal(second.about.seq, 12);
  assert.equal(JSON.parse(`[${second.texts["incidents 0"]}]`).length, 3);
});

test("a bucket whose last feature is gone is removed", async (t) => {
  const { store, place } = kept(t, { base: "read" });
  store.apply(deleted(11, incident(900)));
  await pass(5_000);
  assert.deepEqual(place.writes[0].texts, { "incidents 1": null });
  assert.equal(place.writes[0].base, "read");
});

test("a state that was read is not written again before something changes", async (t) => {
  const { place } = kept(t, { base: "read" });
  await pass(600_000);
  assert.deepEqual(place.writes, []);
});

test("while another tab writes, this one tries seldom, and then writes everything", async (t) => {
  const { store, place } = kept(t, { base: "read", answers: ["other", "newer"] });
  store.apply(saved(11, incident(2)));
  await pass(5_000);
  await pass(59_000);
  assert.equal(place.writes.length, 1);
  await pass(1_000);
  assert.equal(place.writes[1].base, null);
  assert.equal(place.writes[1].force, false);
  assert.deepEqual(namesIn(place.writes[1]), ["areas 0", "incidents 0", "incidents 1"]);
  await pass(600_000); // the other tab's is not older
  assert.equal(place.writes.length, 2);
});

test("what the server does not continue from is replaced, even if it seems newer", async (t) => {
  const { store, place } = kept(t, { base: "read" });
  store.apply({ ...hello(20, false), went_back: true });
  store.setConnection({ state: "connected" });
  store.load({ incidents: collection([incident(5)], 20), areas: collection([], 20) });
  await pass(5_000);
  assert.deepEqual(namesIn(place.writes[0]), ["incidents 0"]);
  assert.equal(place.writes[0].base, null);
  assert.equal(place.writes[0].force, true);
});

test("a page that may end writes its changes at once, but never everything", async (t) => {
  const fresh = kept(t);
  fresh.keeper.hurry();
  await pass(0);
  assert.deepEqual(fresh.place.writes, []);
  await pass(2_000);
  fresh.store.apply(saved(11, incident(2)));
  fresh.keeper.hurry();
  await pass(0);
  assert.equal(fresh.place.writes.length, 2);
});

test("a page that was signed out deletes what is kept, and writes no more", async (t) => {
  const { store, place } = kept(t, { base: "read" });
  store.apply(saved(11, incident(2)));
  store.setConnection({ state: "signed-out" });
  store.apply(saved(12, incident(3)));
  await pass(600_000);
  assert.equal(place.forgotten, 1);
  assert.deepEqual(place.writes, []);
});

test("another log is not kept under the name of this one", async (t) => {
  const { store, place } = kept(t, { base: "read" });
  store.load({ incidents: collection([incident(5)], 3, "f"), areas: collection([], 3, "f") });
  await pass(600_000);
  assert.deepEqual(place.writes, []);
});

test("too many features are not kept", async (t) => {
  const { store, place } = kept(t, { base: "read" });
  const many = Array.from({ length: 50_001 }, (_, pk) => incident(pk));
  store.load({ incidents: collection(many, 20), areas: collection([], 20) });
  await pass(5_000);
  assert.equal(place.forgotten, 1);
  assert.deepEqual(place.writes, []);
});

test("a storage that fails ends it without an error", async (t) => {
  const { store, place } = kept(t, { base: "read" });
  place.write = async () => {
    place.writes.push("tried");
    throw new Error("the disk is full");
  };
  for (const seq of [11, 12]) {
    store.apply(saved(seq, incident(2)));
    await pass(5_000);
  }
  assert.deepEqual(place.writes, ["tried"]);
});
