import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { EVERYTHING } from "../../../static/js/live/filter.js";
import { Selection } from "../../../static/js/live/selection.js";
import { Store } from "../../../static/js/live/store.js";
import { area, collection, deleted, hello, incident, saved } from "../examples.js";

const NOW = Date.parse("2026-01-08T12:00:00Z");

function selected(filter = {}) {
  let now = NOW;
  const store = new Store();
  const selection = new Selection(store, () => now);
  selection.choose({ ...EVERYTHING, ...filter });
  store.load({
    incidents: collection([incident(1, { created: "2026-01-08T11:30:00.000Z" })]),
    areas: collection([area(1)]),
  });
  store.apply(hello(10));
  const changes = [];
  selection.subscribe((change) => changes.push(change));
  return { store, selection, changes, later: (ms) => (now += ms) };
}

test("reported, changed, closed and deleted incidents enter and leave the selection", () => {
  const { store, selection, changes } = selected({ severities: ["HI"] });
  store.apply(saved(11, incident(2)));
  store.apply(saved(12, incident(3, { severity: "Low" })));
  store.apply(saved(13, incident(2, { severity: "Low" })));
  store.apply(deleted(14, incident(1)));
  assert.equal(selection.shown.size, 0);
  assert.deepEqual(
    changes.map(({ changed, removed, created }) => [[...changed], [...removed], [...created]]),
    [
      [[2], [], [2]],
      [[], [2], []],
      [[], [1], []],
    ],
  );
});

test("missed incidents are shown and do not count as just reported", () => {
  const { store, changes } = selected();
  store.apply(hello(12));
  store.apply(saved(11, incident(2)));
  assert.deepEqual(
    changes.flatMap(({ created }) => [...created]),
    [],
  );
});

test("an incident that becomes too old leaves the selection by itself", () => {
  const { selection, later } = selected({ since: "hour" });
  assert.equal(selection.shown.size, 1);
  later(3_600_000);
  selection.age();
  assert.equal(selection.shown.size, 0);
});

test("a changed area changes the selection", () => {
  const { store, selection } = selected({ area: 1 });
  assert.equal(selection.shown.size, 0);
  const wide = {
    ...area(1),
    geometry: {
      type: "Polygon",
      coordinates: [
        [
          [0, 0],
          [90, 0],
          [90, 90],
          [0, 90],
          [0, 0],
        ],
      ],
    },
  };
  store.apply(saved(11, wide));
  assert.deepEqual([...selection.shown.keys()], [1]);
});
