import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fold, foldedWords } from "../../../static/js/base/folding.js";

const EXAMPLES = JSON.parse(readFileSync(new URL("../../data/folding.json", import.meta.url), "utf8"));

for (const [text, folded] of EXAMPLES)
  test(`${JSON.stringify(text)} is folded as on the server`, () => assert.equal(fold(text), folded));

test("words are split at any space", () =>
  assert.deepEqual(foldedWords("  Große\tFLUT\u00a0#7 "), ["grosse", "flut", "#7"]));
