import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { readView } from "../../../static/js/map/last-view.js";

test("only a view that the map can show is taken from the browser's storage", () => {
  assert.deepEqual(readView('{"center":[24,35],"zoom":11.5}'), { center: [24, 35], zoom: 11.5 });
  for (const text of [null, "", "{", "7", '{"center":[24],"zoom":1}', '{"center":[24,95],"zoom":1}'])
    assert.equal(readView(text), null, text);
  for (const text of ['{"center":[24,35],"zoom":99}', '{"center":["a",35],"zoom":3}', '{"zoom":3}'])
    assert.equal(readView(text), null, text);
});
