import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { SEVERITIES, severityCoded, severityNamed } from "../../../static/js/base/severity.js";

test("the severities are in the order of their ranks, the most severe first", () => {
  assert.deepEqual(
    SEVERITIES.map(({ rank }) => rank),
    [5, 4, 3, 2, 1],
  );
});

test("every severity is found by its word and by its code", () => {
  for (const severity of SEVERITIES) {
    assert.equal(severityNamed(severity.name), severity);
    assert.equal(severityCoded(severity.code), severity);
  }
});

test("an unknown word counts as the least severe, an unknown code as none", () => {
  assert.equal(severityNamed("Apocalyptic").name, "Info");
  assert.equal(severityCoded("XX"), undefined);
});
