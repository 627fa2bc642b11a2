import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { isWorthIt } from "../../../static/js/live/first-load.js";

test("a kept state is continued while the entries since are fewer than a new load is worth", () => {
  assert.equal(isWorthIt({ seq: 100, features: 0 }, 400), true);
  assert.equal(isWorthIt({ seq: 100, features: 0 }, 401), false);
  assert.equal(isWorthIt({ seq: 100, features: 12_000 }, 1_400), true);
  assert.equal(isWorthIt({ seq: 500, features: 0 }, 10), true); // the server looks at the mark
});
