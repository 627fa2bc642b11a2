import assert from "node:assert/strict";
import { test } from "node:test";

import { fitting, POINT_ZOOM } from "../../../static/js/map/fitting.js";
import { area, incident } from "../examples.js";

test("points are shown with their surroundings, and an area as large as it fits", () => {
  const [point, polygon] = [incident(1, {}, [24, 35]).geometry, area(1).geometry];
  assert.deepEqual(fitting([point]), { box: [24, 35, 24, 35], maxZoom: POINT_ZOOM });
  assert.deepEqual(fitting([polygon]).box, [0, 0, 1, 1]);
  assert.deepEqual(fitting(new Set([polygon, point])).box, [0, 0, 24, 35]);
  for (const shown of [[polygon], [polygon, point]]) assert.ok(fitting(shown).maxZoom > 20);
  assert.equal(fitting([]), null);
});
