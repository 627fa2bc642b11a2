import assert from "node:assert/strict";
import { test } from "node:test";

import { parseMessage } from "../../../static/js/live/messages.js";
import { incident } from "../examples.js";

const parse = (value) => parseMessage(JSON.stringify(value));

test("a message of each known type is read as it is", () => {
  const messages = [
    { type: "hello", seq: 0, mark: "m", epoch: "e", recovered: false },
    { type: "hello", seq: 0, mark: "m", epoch: "e", recovered: false, went_back: true },
    { type: "post_save", seq: 1, created: true, feature: incident(1) },
    { type: "post_delete", seq: 2, feature: incident(1) },
    { type: "alert", seq: 3, feature: incident(1), areas_of_interest: [] },
    {
      type: "alert_cleared",
      seq: 4,
      reason: "moved out",
      alerts: [{ id: 1, incident: "Incident:1", area: "AreaOfInterest:1" }],
    },
    { type: "alert_acknowledged", seq: 5, alerts: [], by: "Ada", at: "2026-01-01T00:00:00Z", note: "" },
    { type: "erased", seq: 6, mark: "m" },
    { type: "heartbeat", seq: 3 },
  ];
  for (const message of messages) assert.deepEqual(parse(message), message);
});

test("a message of a newer server keeps only its position in the log", () => {
  assert.deepEqual(parse({ type: "weather", seq: 4, rain: true }), { type: "unknown", seq: 4 });
  assert.deepEqual(parse({ type: "weather", seq: 4, mark: "m" }), { type: "unknown", seq: 4, mark: "m" });
  assert.deepEqual(parse({ type: "toString", seq: 4 }), { type: "unknown", seq: 4 });
});

test("other texts are ignored", () => {
  for (const text of ["", "{", "null", "7", "[]", '"hello"', "{}"]) assert.equal(parseMessage(text), null, text);
});

test("a message without the fields of its type is ignored", () => {
  const broken = [
    { type: "heartbeat" },
    { type: "heartbeat", seq: "1" },
    { type: "erased", seq: 1, mark: 5 },
    { type: "hello", seq: 1, epoch: 5, recovered: true },
    { type: "hello", seq: 1, epoch: "e" },
    { type: "post_save", seq: 1 },
    { type: "post_save", seq: 1, feature: null },
    { type: "post_delete", seq: 1, feature: { type: "Feature", properties: { name: "no pk" } } },
    { type: "alert", seq: 1, feature: incident(1) },
  ];
  for (const message of broken) assert.equal(parse(message), null, JSON.stringify(message));
});
