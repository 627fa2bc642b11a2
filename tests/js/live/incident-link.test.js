import assert from "node:assert/strict";
import { test } from "node:test";

import { linkedIncident, withIncident } from "../../../static/js/live/incident-link.js";

test("an address names an incident beside the view of the map", () => {
  assert.equal(linkedIncident("#map=9/35/25&incident=7"), 7);
  assert.equal(linkedIncident("#incident=7"), 7);
  for (const hash of ["", "#map=9/35/25", "#incident=", "#incident=x", "#incident=-1", `#incident=${"9".repeat(40)}`])
    assert.equal(linkedIncident(hash), null, hash);
});

test("the view stays when the incident changes", () => {
  assert.equal(withIncident("#map=9/35/25&incident=7", 8), "#map=9/35/25&incident=8");
  assert.equal(withIncident("#incident=7&map=9/35/25", null), "#map=9/35/25");
  assert.equal(withIncident("", 8), "#incident=8");
  assert.equal(withIncident("#incident=8", null), "");
});
