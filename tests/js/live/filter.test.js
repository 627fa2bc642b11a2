import "../published.js";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { EVERYTHING, listQuery, matcher, readFilter, strictness, writeFilter } from "../../../static/js/live/filter.js";
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
    by: "reported",
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

test("an address finds the same incidents as on the server", () => {
  process.env.TZ = "UTC";
  const { now, incidents, examples } = JSON.parse(
    readFileSync(new URL("../../data/filters.json", import.meta.url), "utf8"),
  );
  for (const [query, wanted] of examples) {
    const filter = readFilter(new URLSearchParams(query));
    const test = matcher(filter, new Map(), Date.parse(now));
    const found = incidents.map(({ pk, ...properties }) => incident(pk, properties)).filter(test);
    assert.deepEqual(
      found.map(({ properties: { pk } }) => pk),
      wanted,
      query,
    );
    const params = new URLSearchParams();
    writeFilter(params, filter);
    assert.deepEqual(readFilter(params), filter, query);
  }
});

test("days begin at midnight of the browser, also when the clock changes", () => {
  process.env.TZ = "Europe/Athens";
  const today = { since: "today" };
  const start = new Date(2026, 2, 29).getTime(); // which has 23 hours there
  const at = (ms) => incident(1, { created: new Date(ms).toISOString() });
  const test = (filter, feature) => matcher({ ...EVERYTHING, ...filter }, new Map(), start + 3_600_000 * 12)(feature);
  assert.ok(test(today, at(start)) && !test(today, at(start - 1)));
  const yesterday = { since: "yesterday" };
  assert.ok(test(yesterday, at(start - 1)) && !test(yesterday, at(start)));
  assert.ok(test(yesterday, at(new Date(2026, 2, 28).getTime())));
});

test("a link to the list has the time zone where it matters", () => {
  assert.equal(listQuery({ ...EVERYTHING, severities: ["UR", "HI"], since: "week" }), "severities=UR,HI&since=week");
  const zone = new URLSearchParams(listQuery({ ...EVERYTHING, since: "today" })).get("zone");
  assert.equal(zone, Intl.DateTimeFormat().resolvedOptions().timeZone);
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
