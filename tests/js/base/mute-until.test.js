import assert from "node:assert/strict";
import { test } from "node:test";

import { muteMinutes, tomorrowMorning } from "../../../static/js/base/mute-until.js";

const CASES = [
  // zone, now, tomorrow at eight there; both in UTC
  ["UTC", "2026-03-01T10:00:00Z", "2026-03-02T08:00:00.000Z"],
  ["UTC", "2026-12-31T23:59:59Z", "2027-01-01T08:00:00.000Z"],
  ["Europe/Athens", "2026-06-10T21:30:00Z", "2026-06-12T05:00:00.000Z"], // past midnight there
  ["Pacific/Auckland", "2026-06-10T21:30:00Z", "2026-06-11T20:00:00.000Z"],
  ["America/Los_Angeles", "2026-06-10T02:00:00Z", "2026-06-10T15:00:00.000Z"], // still yesterday there
  ["Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T06:00:00.000Z"], // the night that has an hour less
  ["Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T07:00:00.000Z"], // and the one that has one more
];

for (const [zone, now, expected] of CASES) {
  test(`tomorrow morning in ${zone}, from ${now}`, () => {
    process.env.TZ = zone;
    assert.equal(tomorrowMorning(new Date(now)).toISOString(), expected);
  });
}

test("the length of a mute is counted in minutes", () => {
  process.env.TZ = "UTC";
  const now = new Date("2026-03-01T10:00:30Z");
  assert.equal(muteMinutes("hour", now), 60);
  assert.equal(muteMinutes("week", now), 10_080);
  assert.equal(muteMinutes("tomorrow", now), 22 * 60);
});
