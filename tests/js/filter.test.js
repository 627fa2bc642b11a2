import assert from "node:assert/strict";
import { test } from "node:test";

import { EVERYTHING, matcher, readFilter, strictness, writeFilter } from "../../static/js/live/filter.js";
import { covers } from "../../static/js/base/geojson.js";
import { Selection } from "../../static/js/live/selection.js";
import { Store } from "../../static/js/live/store.js";
import { area, collection, deleted, hello, incident, saved } from "./examples.js";

const NOW = Date.parse("2026-01-08T12:00:00Z");
const passes = (filter, feature, areas = []) =>
  matcher({ ...EVERYTHING, ...filter }, new Map(areas.map((each) => [each.properties.pk, each])), NOW)(feature);

test("a filter survives its way through the address, and leaves alone what else stands there", () => {
  const filter = {
    severities: ["UR", "HI"],
    state: "all",
    area: 7,
    text: "flood & fire, 100%",
    since: "range",
    from: "2026-01-01T00:00:00.000Z",
    to: "",
  };
  const params = new URLSearchParams("theme=dark&since=day");
  writeFilter(params, filter);
  assert.equal(params.get("theme"), "dark");
  assert.deepEqual(readFilter(new URLSearchParams(params.toString())), filter);
  writeFilter(params, EVERYTHING);
  assert.equal(params.toString(), "theme=dark");
});

test("what makes no sense in an address counts as not said", () => {
  const params = new URLSearchParams("severities=XX,UR&state=ajar&area=-1&since=ages&from=yesterday");
  assert.deepEqual(readFilter(params), { ...EVERYTHING, severities: ["UR"] });
});

test("the strictness counts the ways in which something is left out", () => {
  assert.equal(strictness(EVERYTHING), 0);
  assert.equal(strictness({ ...EVERYTHING, severities: ["UR"], state: "closed", text: " ", since: "day" }), 3);
});

test("each part of a filter lets through what it says", () => {
  const fire = incident(
    1,
    {
      name: "Fire in the mill",
      description: "Smoke to the EAST",
      severity: "High",
      created: "2026-01-08T11:30:00.000Z",
    },
    [0.6, 0.3],
  );
  assert.ok(passes({}, fire));
  assert.ok(passes({ severities: ["HI"] }, fire) && !passes({ severities: ["UR", "LO"] }, fire));
  assert.ok(!passes({ state: "closed" }, fire) && passes({ state: "all" }, fire));
  assert.ok(passes({ text: "east FIRE" }, fire) && !passes({ text: "fire west" }, fire));
  assert.ok(passes({ since: "hour" }, fire) && !passes({ since: "hour" }, incident(2)));
  assert.ok(
    passes({ since: "range", from: "2026-01-08T11:00:00.000Z" }, fire) &&
      !passes({ since: "range", to: "2026-01-08T11:00:00.000Z" }, fire),
  );
  assert.ok(passes({ area: 1 }, fire, [area(1)]) && !passes({ area: 1 }, incident(2), [area(1)]));
  assert.ok(!passes({ area: 9 }, fire, [area(1)]), "an area that is no more has nothing inside");
});

test("a polygon covers what is inside, not what is in its hole, on every copy of the world", () => {
  const ring = (west, south, size) => [
    [west, south],
    [west + size, south],
    [west + size, south + size],
    [west, south + size],
    [west, south],
  ];
  const polygon = { coordinates: [ring(175, -5, 10), ring(179, -1, 2)] };
  assert.ok(covers(polygon, [176, 0]));
  assert.ok(covers(polygon, [-176, 0]));
  assert.ok(!covers(polygon, [-180, 0]));
  assert.ok(!covers(polygon, [170, 0]));
});

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

test("what is reported, changed, closed and deleted enters and leaves the selection", () => {
  const { store, selection, changes } = selected({ severities: ["HI"] });
  store.apply(saved(11, incident(2)));
  store.apply(saved(12, incident(3, { severity: "Low" })));
  store.apply(saved(13, incident(2, { severity: "Low" })));
  store.apply(deleted(14, incident(1)));
  assert.equal(selection.shown.size, 0);
  assert.deepEqual(
    changes.map(({ changed, removed, born }) => [[...changed], [...removed], [...born]]),
    [
      [[2], [], [2]],
      [[], [2], []],
      [[], [1], []],
    ],
  );
});

test("what was missed is shown and does not count as just reported", () => {
  const { store, changes } = selected();
  store.apply(hello(12));
  store.apply(saved(11, incident(2)));
  assert.deepEqual(
    changes.flatMap(({ born }) => [...born]),
    [],
  );
});

test("what becomes too old leaves by itself", () => {
  const { selection, later } = selected({ since: "hour" });
  assert.equal(selection.shown.size, 1);
  later(3_600_000);
  selection.age();
  assert.equal(selection.shown.size, 0);
});

test("an area that is changed changes what is selected by it", () => {
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
