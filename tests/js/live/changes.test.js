import assert from "node:assert/strict";
import { test } from "node:test";

import { Changes } from "../../../static/js/live/changes.js";

/** Changes whose schedule runs when the test says so. */
function scheduled() {
  const runs = [];
  const received = [];
  const changes = new Changes((run) => runs.push(run));
  const stop = changes.subscribe((change) => received.push(change));
  return { changes, received, stop, runs, turn: () => runs.shift()() };
}

test("listeners get all changes of one turn at once, the last state of each feature", () => {
  const { changes, received, runs, turn } = scheduled();
  changes.note("incidents", 1, { gone: false });
  changes.wake();
  changes.note("incidents", 2, { gone: false });
  changes.note("incidents", 1, { gone: true });
  changes.wake();
  assert.equal(runs.length, 1);
  turn();
  assert.equal(received.length, 1);
  assert.deepEqual(received[0].incidents, { changed: new Set([2]), removed: new Set([1]) });
  assert.deepEqual(received[0].areas, { changed: new Set(), removed: new Set() });
});

test("a change is sent once", () => {
  const { changes, received, turn } = scheduled();
  changes.note("areas", 1, { gone: false });
  changes.wake();
  turn();
  changes.wake();
  turn();
  assert.deepEqual(received[1].areas.changed, new Set());
});

test("a reset replaces the collected changes, except the connection", () => {
  const { changes, received, turn } = scheduled();
  changes.note("incidents", 1, { gone: false });
  changes.pending.connection = true;
  changes.startAnew({ notice: "loaded" });
  changes.wake();
  turn();
  const [{ reset, alerts, connection, notice, incidents }] = received;
  assert.deepEqual(
    { reset, alerts, connection, notice },
    { reset: true, alerts: true, connection: true, notice: "loaded" },
  );
  assert.equal(incidents.changed.size, 0);
});

test("a listener that has stopped gets nothing", () => {
  const { changes, received, stop, turn } = scheduled();
  stop();
  changes.wake();
  turn();
  assert.deepEqual(received, []);
});
