import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { isBare, ROUGH_ZOOM } from "../../../static/js/map/no-streets.js";

const config = { tiles: null, tilesAttribution: "", pmtiles: null, vendor: "" };
const city = { schema: "protomaps", tiles: "", minzoom: 12, maxzoom: 14, bounds: [24, 35, 25, 36], credits: "" };

test("close up, the map is bare where no archive has streets", () => {
  const streets = { ...config, streets: [city] };
  assert.equal(isBare(config, ROUGH_ZOOM, [24.5, 35.5]), true);
  assert.equal(isBare(config, ROUGH_ZOOM - 0.5, [24.5, 35.5]), false);
  assert.equal(isBare(streets, 13, [24.5, 35.5]), false);
  assert.equal(isBare(streets, 11, [24.5, 35.5]), true);
  assert.equal(isBare(streets, 18, [26, 35.5]), true);
});

test("with a tile server the map is never bare", () => {
  assert.equal(isBare({ ...config, tiles: "https://example.org/{z}/{x}/{y}.png" }, 15, [0, 0]), false);
});
