import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { nextRow, wish } from "../../../static/js/screen/shortcuts.js";

const key = (name, more = {}) => ({
  key: name,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  isComposing: false,
  defaultPrevented: false,
  ...more,
});

test("only bare keys are shortcuts", () => {
  assert.equal(wish(key("?")), "help");
  assert.equal(wish(key("j")), "next");
  for (const more of [{ ctrlKey: true }, { altKey: true }, { metaKey: true }, { isComposing: true }])
    assert.equal(wish(key("a", more)), "");
  assert.equal(wish(key("a", { defaultPrevented: true })), "");
  for (const name of ["Enter", "z", "J", "constructor"]) assert.equal(wish(key(name)), "");
});

test("rows follow each other, and a closed row gives its place to the next", () => {
  assert.equal(nextRow(5, -1, -1, 1), 0);
  assert.equal(nextRow(5, 0, 0, 1), 1);
  assert.equal(nextRow(5, 4, 4, 1), 4);
  assert.equal(nextRow(5, 0, 0, -1), 0);
  assert.equal(nextRow(4, -1, 2, 1), 2);
  assert.equal(nextRow(2, -1, 2, 1), 1);
  assert.equal(nextRow(4, -1, 2, -1), 1);
});
