import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { loadClosedOnDemand } from "../../../static/js/live/closed-incidents.js";
import { EVERYTHING } from "../../../static/js/live/filter.js";
import { Selection } from "../../../static/js/live/selection.js";
import { Store } from "../../../static/js/live/store.js";
import { collection, deleted, hello, incident, saved } from "../examples.js";

const OPEN = { incidents: collection([incident(1)]), areas: collection([]) };
const closed = (pk, properties) => incident(pk, { closed: true, ...properties });
const settled = () => new Promise((done) => setTimeout(done));

function loaded(filter = {}) {
  const store = new Store();
  const selection = new Selection(store);
  selection.choose({ ...EVERYTHING, ...filter });
  store.load(OPEN);
  store.apply(hello(10));
  return { store, selection };
}

/** A server whose answers, and their time, a test decides. */
function slowServer() {
  const asked = [];
  return {
    asked,
    fetchClosed: () =>
      new Promise((answer, fail) =>
        asked.push({ answer: (features) => answer({ features }), fail: () => fail(new Error("503")) }),
      ),
  };
}

test("closed incidents appear when they are loaded, and messages meanwhile have priority", async () => {
  const { store, selection } = loaded({ state: "all" });
  const { asked, fetchClosed } = slowServer();
  const loading = store.loadClosed(fetchClosed);
  store.apply(deleted(11, closed(5)));
  store.apply(saved(12, closed(6, { name: "now" })));
  asked[0].answer([closed(4), closed(5), closed(6, { name: "before" })]);
  await loading;
  assert.deepEqual([...selection.shown.keys()].sort(), [1, 4, 6]);
  assert.equal(selection.shown.get(6).properties.name, "now");
  store.apply(saved(13, incident(4)));
  assert.equal(store.closed.has(4), false);
  assert.ok(store.incidents.has(4));
});

test("closed incidents from before a full reload are ignored", async () => {
  const { store } = loaded();
  const { asked, fetchClosed } = slowServer();
  const before = store.loadClosed(fetchClosed);
  store.load(OPEN);
  const after = store.loadClosed(fetchClosed);
  store.apply(saved(11, closed(5, { name: "now" })));
  asked[0].answer([closed(4)]);
  await before;
  assert.deepEqual([...store.closed.keys()], [5]);
  asked[1].answer([closed(5, { name: "before" })]);
  await after;
  assert.equal(store.closed.get(5).properties.name, "now");
});

/** A page that wants the closed incidents of a slow server. */
function page(filter) {
  const { store, selection } = loaded();
  const { asked, fetchClosed } = slowServer();
  const said = [];
  const timers = [];
  loadClosedOnDemand(store, selection, fetchClosed, {
    say: (text) => said.push(text),
    later: (run, ms) => timers.push({ run, ms }),
  });
  const choose = (state) => selection.choose({ ...EVERYTHING, state });
  choose(filter);
  return { store, selection, asked, said, timers, choose };
}

test("the closed incidents are requested once when the filter includes them, until the request succeeds", async () => {
  const { selection, asked, said, timers, choose } = page("open");
  assert.equal(asked.length, 0);
  choose("closed");
  choose("all");
  assert.equal(asked.length, 1);
  asked[0].fail();
  await settled();
  choose("closed");
  assert.equal(asked.length, 1, "not before the wait is over");
  assert.ok(timers[0].ms > 0);
  timers[0].run();
  assert.equal(asked.length, 2);
  asked[1].fail();
  await settled();
  timers[1].run();
  asked[2].answer([closed(4)]);
  await settled();
  assert.deepEqual([...selection.shown.keys()], [4]);
  assert.equal(said.length, 1, "one notice is enough");
  assert.equal(timers.length, 2);
});

test("after a failure closed incidents are loaded only if wanted, and a new failure is reported", async () => {
  const { asked, said, timers, choose } = page("all");
  asked[0].fail();
  await settled();
  choose("open");
  timers[0].run();
  assert.equal(asked.length, 1);
  choose("closed");
  asked[1].fail();
  await settled();
  assert.equal(said.length, 2);
});

test("a failed request from before a full reload is ignored", async () => {
  const { store, selection, asked, said, timers } = page("all");
  store.load(OPEN);
  asked[1].answer([closed(4)]);
  asked[0].fail();
  await settled();
  assert.deepEqual([...selection.shown.keys()].sort(), [1, 4]);
  assert.deepEqual([said, timers], [[], []]);
  store.load(OPEN);
  assert.equal(asked.length, 3);
});

test("incidents that were closed during a failed request are not shown", async () => {
  const { store, selection, asked, timers } = page("all");
  store.apply(saved(11, closed(1)));
  asked[0].fail();
  await settled();
  assert.deepEqual([...selection.shown.keys()], []);
  timers[0].run();
  asked[1].answer([closed(1)]);
  await settled();
  assert.deepEqual([...selection.shown.keys()], [1]);
});
