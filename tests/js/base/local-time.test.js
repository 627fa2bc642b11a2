import assert from "node:assert/strict";
import { test } from "node:test";

import { fromLocal, offsetWords, toLocal } from "../../../static/js/base/local-time.js";

test("a moment survives the way through a field of local time", () => {
  assert.equal(fromLocal(toLocal("2026-07-01T10:30:00Z")), "2026-07-01T10:30:00.000Z");
  assert.equal(toLocal("half past ten"), "");
  assert.equal(fromLocal(""), "");
});

test("a field's value has minutes, and a year of four digits", () => {
  const value = toLocal(new Date(2026, 0, 2, 3, 4, 59).toISOString());
  assert.equal(value, "2026-01-02T03:04");
  assert.match(toLocal("0987-06-05T12:00:00Z"), /^0987-06-0[456]T\d\d:\d\d$/);
});

test("the offset from UTC is written with its sign, hours and minutes", () => {
  const zone = (minutes) => offsetWords(/** @type {any} */ ({ getTimezoneOffset: () => minutes }));
  assert.equal(zone(0), "UTC+00:00");
  assert.equal(zone(-330), "UTC+05:30");
  assert.equal(zone(210), "UTC\u221203:30");
});
