import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { EVERYTHING, matcher, readFilter, strictness, writeFilter } from "../../../static/js/live/filter.js";
import { covers } from "../../../static/js/base/geojson.js";
import { area, incident } from "../examples.js";

const NOW = Date.parse("2026-01-08T12:00:00Z");
const passes = (filter, feature, areas = []) =>
  matcher({ ...EVERYTHING, ...filter }, new Map(areas.map((each) => [each.properties.pk, each])), NOW)(feature);

test("a filter is the same after the address, and keeps other parameters", () => {
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

test("nonsense in an address is ignored", () => {
  const params = new URLSearchParams("severities=XX,UR&state=ajar&area=-1&since=ages&from=yesterday");
  assert.deepEqual(readFilter(params), { ...EVERYTHING, severities: ["UR"] });
});

test("the strictness counts the active criteria", () => {
  assert.equal(strictness(EVERYTHING), 0);
  assert.equal(strictness({ ...EVERYTHING, severities: ["UR"], state: "closed", text: " ", since: "day" }), 3);
});

test("each criterion of a filter passes its incidents", () => {
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

test("a polygon covers its inside but not its hole, on every copy of the world", () => {
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

const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();

test("the filter by time uses the time of the event, and for messages of older versions that of the report", () => {
  const lastHour = matcher({ ...EVERYTHING, since: "hour" }, new Map(), Date.now());
  assert.equal(lastHour({ properties: { created: ago(5), happened: ago(125) } }), false);
  assert.equal(lastHour({ properties: { created: ago(125), happened: ago(5) } }), true);
  assert.equal(lastHour({ properties: { created: ago(5) } }), true);
});
