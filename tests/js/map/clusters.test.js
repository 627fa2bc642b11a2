import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { aloneFrom, clustered, MAX_ZOOM, placeOf } from "../../../static/js/map/clusters.js";
import { incident } from "../examples.js";

const WORLD = [-180, -90, 180, 90];
const at = (pk, longitude, latitude, severity = "Low") => placeOf(incident(pk, { severity }, [longitude, latitude]));
const counts = (features) => features.map(({ properties: { count = 1 } }) => count);
const total = (features) => counts(features).reduce((sum, count) => sum + count, 0);

/** Places without a pattern, the same every time. */
function scattered(number) {
  let state = 1;
  const chance = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  return Array.from({ length: number }, (_, pk) => at(pk, chance() * 360 - 180, chance() * 160 - 80));
}

test("neighbours are one cluster with their number, the worst severity and the box around them", () => {
  const [cluster, ...others] = clustered([at(1, 24, 35), at(2, 25, 36, "Urgent"), at(3, 25, 35)], 2, WORLD);
  assert.deepEqual(others, []);
  const { count, abbreviated, worst, west, south, east, north } = cluster.properties;
  assert.deepEqual({ count, abbreviated, worst }, { count: 3, abbreviated: "3", worst: 5 });
  assert.deepEqual(
    [west, south, east, north].map((degrees) => Math.round(degrees * 1e6) / 1e6),
    [24, 35, 25, 36],
  );
  const [longitude, latitude] = cluster.geometry.coordinates;
  assert.ok(longitude > 24 && longitude < 25 && latitude > 35 && latitude < 36);
});

test("incidents that are far apart stay single and unchanged", () => {
  const places = [at(1, 24, 35), at(2, -60, 10)];
  const features = clustered(places, 2, WORLD);
  assert.deepEqual(new Set(features), new Set(places.map(({ feature }) => feature)));
});

test("close neighbours on either side of a line of the grid are together", () => {
  for (let longitude = -180; longitude < 179; longitude += 1) {
    assert.deepEqual(
      counts(clustered([at(1, longitude, 35), at(2, longitude + 0.5, 35.1)], 2, WORLD)),
      [2],
      `at ${longitude}`,
    );
  }
});

test("every incident is counted once, at each zoom", () => {
  const places = scattered(3000);
  for (let zoom = 0; zoom <= MAX_ZOOM + 1; zoom += 1)
    assert.equal(total(clustered(places, zoom, WORLD)), 3000, `at zoom ${zoom}`);
});

test("above the last zoom of clusters even incidents at one position stay single", () => {
  assert.deepEqual(counts(clustered([at(1, 24, 35), at(2, 24, 35)], MAX_ZOOM, WORLD)), [2]);
  assert.deepEqual(counts(clustered([at(1, 24, 35), at(2, 24, 35)], MAX_ZOOM + 1, WORLD)), [1, 1]);
});

test("only clusters in the box are returned, also across the antimeridian and in another copy of the world", () => {
  const places = [at(1, 179, 0), at(2, -179, 30), at(3, 0, 0), at(4, 179, 80)];
  const shown = (box) => clustered(places, 12, box).map(({ properties: { pk } }) => pk);
  assert.deepEqual(shown([170, -10, 190, 40]), [1, 2]);
  assert.deepEqual(shown([-190, -10, -170, 40]), [1, 2]);
  assert.deepEqual(shown([350, -10, 370, 40]), [3]);
  assert.deepEqual(shown([-200, -89, 200, 89]), [1, 2, 3, 4]);
});

test("large counts are abbreviated", () => {
  const many = (number) =>
    clustered(
      Array.from({ length: number }, (_, pk) => at(pk, 24, 35)),
      3,
      WORLD,
    )[0].properties.abbreviated;
  assert.deepEqual([999, 1000, 1560, 10_400].map(many), ["999", "1k", "1.6k", "10k"]);
});

test("incidents at the poles, outside the projection, are clustered too", () => {
  assert.equal(total(clustered([at(1, 0, 90), at(2, 0, -90)], 0, WORLD)), 2);
});

test("an incident stands alone from the zoom at which its neighbours are far enough", () => {
  const size = [800, 600];
  const [one, near, far] = [at(1, 24, 35), at(2, 24.02, 35), at(3, 30, 40)];
  const zoom = aloneFrom([one, near, far], one.feature, 3, size);
  const box = [23, 34, 25, 36];
  assert.ok(zoom > 3 && zoom <= MAX_ZOOM);
  assert.deepEqual(counts(clustered([one, near, far], zoom - 1, box)), [2]);
  assert.deepEqual(counts(clustered([one, near, far], zoom, box)), [1, 1]);
  assert.equal(aloneFrom([one, near, far], far.feature, 5, size), 5);
});

test("an incident at the same position as another, or that is not shown, needs the zoom without clusters", () => {
  const places = [at(1, 24, 35), at(2, 24, 35)];
  assert.equal(aloneFrom(places, places[0].feature, 3, [800, 600]), MAX_ZOOM + 1);
  assert.equal(aloneFrom(places, at(9, 0, 0).feature, 3, [800, 600]), MAX_ZOOM + 1);
  assert.equal(aloneFrom(places, at(9, 0, 90).feature, 3, [800, 600]), MAX_ZOOM + 1);
});
