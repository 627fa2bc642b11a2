import assert from "node:assert/strict";
import { test } from "node:test";

import { agoWords, exactWords } from "../../../static/js/base/relative-time.js";
import { serverNow, setServerTime } from "../../../static/js/base/server-clock.js";

const NOW = Date.parse("2026-03-10T12:00:00Z");
const ago = (seconds) => agoWords(new Date(NOW - seconds * 1000).toISOString(), NOW);

test("ages are in one unit, which is not rounded up", () => {
  const ages = [0, 59, 60, 3599, 3600, 86_399, 86_400, 29 * 86_400].map(ago);
  const expected = [
    "just now",
    "just now",
    "1 min ago",
    "59 min ago",
    "1 h ago",
    "23 h ago",
    "1 day ago",
    "29 days ago",
  ];
  assert.deepEqual(ages, expected);
});

test("moments to come are named, too", () => {
  assert.equal(ago(-7200), "in 2 h");
});

test("old moments have their date", () => {
  assert.match(ago(40 * 86_400), /^Jan 2\d, 2026$|^Jan 29, 2026$/);
  assert.match(exactWords("2026-03-10T12:00:00Z"), /^Mar 1[01], 2026, \d\d:\d\d$/);
});

test("ages follow the server's clock, whatever the viewer's says", () => {
  try {
    setServerTime("2020-01-01T00:00:00Z");
    assert.ok(Math.abs(serverNow() - Date.parse("2020-01-01T00:00:00Z")) < 5000);
    assert.equal(agoWords("2019-12-31T22:00:00Z"), "2 h ago");
    setServerTime(undefined);
    setServerTime("no time");
    assert.equal(agoWords("2019-12-31T22:00:00Z"), "2 h ago");
  } finally {
    setServerTime(new Date().toISOString());
  }
});
