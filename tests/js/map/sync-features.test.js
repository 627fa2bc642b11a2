import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { incidentForMap } from "../../../static/js/map/sync-features.js";
import { incident } from "../examples.js";

test("only a closed incident has the property that the map draws faint", () => {
  assert.deepEqual(incidentForMap(incident(1)).properties, { pk: 1, severity: "High" });
  assert.deepEqual(incidentForMap(incident(2, { closed: true })).properties, { pk: 2, severity: "High", closed: true });
});
