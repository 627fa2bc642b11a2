import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { alertKey, SeenAlerts, SEEN_MS, seenUpTo } from "../../../static/js/live/seen-alerts.js";

const one = { id: 5, seq: 10 };
const escalated = { id: 5, seq: 12 };
const other = { id: 6, seq: 11 };

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("an alert is seen when it has been on the screen for a second", () => {
  let told = 0;
  const seen = new SeenAlerts(() => (told += 1));
  seen.appear(alertKey(one));
  mock.timers.tick(SEEN_MS - 1);
  assert.equal(seen.has(alertKey(one)), false);
  mock.timers.tick(1);
  assert.equal(seen.has(alertKey(one)), true);
  assert.equal(told, 1);
});

test("a later alert is not seen yet, and neither is an escalation", () => {
  const seen = new SeenAlerts();
  seen.appear(alertKey(one));
  mock.timers.tick(SEEN_MS / 2);
  seen.appear(alertKey(other));
  mock.timers.tick(SEEN_MS / 2);
  assert.deepEqual(
    [one, other].map((each) => seen.has(alertKey(each))),
    [true, false],
  );
  seen.appear(alertKey(escalated));
  assert.equal(seen.has(alertKey(escalated)), false);
});

test("an alert that leaves the screen too early starts again, and a seen one stays seen", () => {
  const seen = new SeenAlerts();
  for (let glance = 0; glance < 3; glance += 1) {
    seen.appear(alertKey(one));
    mock.timers.tick(SEEN_MS - 1);
    seen.vanish(alertKey(one));
  }
  mock.timers.tick(SEEN_MS);
  assert.equal(seen.has(alertKey(one)), false);
  seen.appear(alertKey(one));
  mock.timers.tick(SEEN_MS);
  seen.vanish(alertKey(one));
  assert.equal(seen.has(alertKey(one)), true);
});

test("drawing the same alert again does not restart its time, and removed alerts are dropped", () => {
  const seen = new SeenAlerts();
  for (let part = 0; part < 4; part += 1) {
    seen.appear(alertKey(one));
    seen.keep(new Set([alertKey(one)]));
    mock.timers.tick(SEEN_MS / 4);
  }
  assert.equal(seen.has(alertKey(one)), true);
  seen.keep(new Set());
  assert.equal(seen.has(alertKey(one)), false);
});

test("the seen alerts are identified by the newest entry of the log", () => {
  assert.equal(seenUpTo([one, other]), 11);
});
