import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { createdWords } from "../../../static/js/screen/announcer.js";
import { isolate } from "../../../static/js/base/bidi.js";
import { mutedWords } from "../../../static/js/base/elements.js";
import { alertWords } from "../../../static/js/screen/panel-entries.js";
import { incident } from "../examples.js";

const HEBREW = "שרפה בכפר";
const isolated = `\u2068${HEBREW}\u2069`;

test("a person's text is isolated in every sentence", () => {
  const feature = incident(1, { name: HEBREW });
  const area = { name: HEBREW, muted: false, acknowledged: { by: HEBREW, at: "2026-01-01T00:00:00Z", note: "" } };
  assert.equal(createdWords([feature]), `New incident: ${isolated}, High`);
  assert.equal(alertWords({ feature, areas: [area] }), `High, Acknowledged by ${isolated}, in ${isolated}`);
  assert.ok(
    mutedWords({ muted_by: HEBREW, muted_until: "2999-01-01T00:00:00Z" }).startsWith(`Muted by ${isolated} until`),
  );
});

test("a text can't break out of its isolate", () => {
  assert.equal(isolate("a\u2069\u202eb"), "\u2068ab\u2069");
});
