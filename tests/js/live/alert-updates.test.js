import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { isolate } from "../../../static/js/base/bidi.js";
import { AlertUpdates } from "../../../static/js/live/alert-updates.js";
import { Alerts } from "../../../static/js/live/alerts.js";
import { Changes } from "../../../static/js/live/changes.js";
import { Replay } from "../../../static/js/live/replay.js";
import { acknowledged, alert, cleared, incident } from "../examples.js";

function started() {
  const alerts = new Alerts();
  const changes = new Changes(() => {});
  return { alerts, changes, updates: new AlertUpdates(alerts, changes) };
}

test("alerts interrupt at once, the newest last", () => {
  const { changes, updates } = started();
  updates.handle(alert(1, incident(1)), null);
  updates.handle(alert(2, incident(2)), null);
  updates.handle(alert(3, incident(1), "escalated"), null);
  assert.deepEqual([...changes.pending.raised], [2, 1]);
});

test("alerts of a replay wait for its end", () => {
  const { changes, updates } = started();
  const replay = new Replay(5, { first: false });
  updates.handle(alert(1, incident(1)), replay);
  assert.deepEqual([...changes.pending.raised], []);
  assert.deepEqual([...replay.raised], [1]);
});

test("an alert that is acknowledged or cleared no longer interrupts", () => {
  const { alerts, changes, updates } = started();
  for (const pk of [1, 2]) updates.handle(alert(pk, incident(pk)), null);
  updates.handle(acknowledged(3, 1), null);
  updates.handle(cleared(4, 2), null);
  assert.deepEqual([...changes.pending.raised], []);
  assert.deepEqual([...alerts.byIncident.keys()], [1]);
});

test("the notice names the person, the incident and the note; a replay has none", () => {
  const { changes, updates } = started();
  updates.handle(alert(1, incident(1)), null);
  updates.handle(acknowledged(2, 1), new Replay(5, { first: false }));
  assert.equal(changes.pending.notice, "");
  updates.handle(acknowledged(3, 1), null);
  assert.equal(
    changes.pending.notice,
    `Acknowledged by ${isolate("Ada")}: ${isolate("Incident 1")} (${isolate("on my way")})`,
  );
});

test("messages up to the entry at which the alerts were loaded change nothing", () => {
  const { alerts, changes, updates } = started();
  updates.loadedAt(5);
  updates.handle(alert(5, incident(1)), null);
  assert.equal(alerts.byIncident.size, 0);
  assert.equal(changes.pending.alerts, false);
});

test("an alert has the newest state of its incident, and is removed with it", () => {
  const { alerts, updates } = started();
  updates.handle(alert(1, incident(1)), null);
  updates.refresh(1, incident(1, { name: "Fire" }), null);
  assert.equal(alerts.byIncident.get(1).feature.properties.name, "Fire");
  updates.refresh(1, null, null);
  assert.equal(alerts.byIncident.size, 0);
});

test("a release interrupts everybody but the person who released it", () => {
  for (const [name, interrupts] of /** @type {const} */ ([
    ["Ada", []],
    ["Ed", [1]],
  ])) {
    const { alerts, changes, updates } = started();
    alerts.name = name;
    updates.handle(alert(1, incident(1)), null);
    updates.handle(acknowledged(2, 1), null);
    updates.handle({ ...acknowledged(3, 1), type: "alert_released" }, null);
    assert.deepEqual([...changes.pending.raised], interrupts);
    assert.equal(changes.pending.notice, `${isolate("Ada")} released: ${isolate("Incident 1")}`);
  }
});

test("a hand-over is told with both names", () => {
  const { changes, updates } = started();
  updates.handle(alert(1, incident(1)), null);
  updates.handle({ ...acknowledged(2, 1), type: "alert_handed_over", to: "Ed" }, null);
  const [ada, what, ed, note] = ["Ada", "Incident 1", "Ed", "on my way"].map(isolate);
  assert.equal(changes.pending.notice, `${ada} handed over to ${ed}: ${what} (${note})`);
  assert.equal(changes.pending.raised.size, 0);
});

test("the mute of another account changes nothing", () => {
  const { alerts, changes, updates } = started();
  alerts.account = 7;
  updates.handle(alert(1, incident(1)), null);
  const mute = { type: "personal_mute", account: 8, area: "AreaOfInterest:1", until: "2030-01-01", since: 2 };
  updates.handle({ ...mute, seq: 2 }, null);
  assert.deepEqual([alerts.unacknowledged, [...changes.pending.raised]], [1, [1]]);
  updates.handle({ ...mute, seq: 3, account: 7 }, null);
  assert.deepEqual([alerts.unacknowledged, [...changes.pending.raised]], [0, []]);
  updates.handle({ ...mute, seq: 4, account: 7, until: null, since: 0 }, null);
  assert.deepEqual([alerts.unacknowledged, [...changes.pending.raised]], [1, [1]]);
});
