import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { isolate } from "../../../static/js/base/bidi.js";
import { AlertNews } from "../../../static/js/live/alert-news.js";
import { Alerts } from "../../../static/js/live/alerts.js";
import { Changes } from "../../../static/js/live/changes.js";
import { Replay } from "../../../static/js/live/replay.js";
import { acknowledged, alert, cleared, incident } from "../examples.js";

function started() {
  const alerts = new Alerts();
  const changes = new Changes(() => {});
  return { alerts, changes, news: new AlertNews(alerts, changes) };
}

test("alerts interrupt at once, the newest last", () => {
  const { changes, news } = started();
  news.handle(alert(1, incident(1)), null);
  news.handle(alert(2, incident(2)), null);
  news.handle(alert(3, incident(1), "escalated"), null);
  assert.deepEqual([...changes.pending.raised], [2, 1]);
});

test("alerts of a replay wait for its end", () => {
  const { changes, news } = started();
  const replay = new Replay(5, { first: false });
  news.handle(alert(1, incident(1)), replay);
  assert.deepEqual([...changes.pending.raised], []);
  assert.deepEqual([...replay.raised], [1]);
});

test("an alert that is acknowledged or cleared no longer interrupts", () => {
  const { alerts, changes, news } = started();
  for (const pk of [1, 2]) news.handle(alert(pk, incident(pk)), null);
  news.handle(acknowledged(3, 1), null);
  news.handle(cleared(4, 2), null);
  assert.deepEqual([...changes.pending.raised], []);
  assert.deepEqual([...alerts.byIncident.keys()], [1]);
});

test("the notice names the person, the incident and the note; a replay has none", () => {
  const { changes, news } = started();
  news.handle(alert(1, incident(1)), null);
  news.handle(acknowledged(2, 1), new Replay(5, { first: false }));
  assert.equal(changes.pending.notice, "");
  news.handle(acknowledged(3, 1), null);
  assert.equal(changes.pending.notice, `${isolate("Ada")} has it: ${isolate("Incident 1")} (${isolate("on my way")})`);
});

test("messages up to the entry at which the alerts were loaded change nothing", () => {
  const { alerts, changes, news } = started();
  news.loadedAt(5);
  news.handle(alert(5, incident(1)), null);
  assert.equal(alerts.byIncident.size, 0);
  assert.equal(changes.pending.alerts, false);
});

test("an alert has the newest state of its incident, and goes with it", () => {
  const { alerts, news } = started();
  news.handle(alert(1, incident(1)), null);
  news.refresh(1, incident(1, { name: "Fire" }), null);
  assert.equal(alerts.byIncident.get(1).feature.properties.name, "Fire");
  news.refresh(1, null, null);
  assert.equal(alerts.byIncident.size, 0);
});
