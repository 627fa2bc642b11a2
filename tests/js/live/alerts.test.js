import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { Alerts, whoHasIt } from "../../../static/js/live/alerts.js";
import { isolate } from "../../../static/js/base/bidi.js";
import { insideWords } from "../../../static/js/editor/inside-count.js";
import { alertWords, waitingFirst } from "../../../static/js/screen/panel-entries.js";
import { summary } from "../../../static/js/screen/unread.js";
import { acknowledged, alert, answered, area, cleared, incident } from "../examples.js";

const known = (features) => new Map(features.map((feature) => [feature.properties.pk, feature]));

test("alerts of one incident in several areas are one entry", () => {
  const alerts = new Alerts();
  const second = { ...answered(1, 6), id: 7, area: "AreaOfInterest:2", area_name: "Area 2" };
  alerts.load({ alerts: [second, answered(1, 5)], unread: 2, read_seq: 4 }, known([incident(1)]), known([area(1)]));
  const [{ areas, feature }] = alerts.byIncident.values();
  assert.deepEqual(
    areas.map(({ name, severity }) => [name, severity]),
    [
      ["Area 1", "Medium"],
      ["Area 2", ""],
    ],
  );
  assert.equal(feature.properties.name, "Incident 1");
});

test("an alert has the name of an incident that is not in the collection yet", () => {
  const alerts = new Alerts();
  alerts.load({ alerts: [answered(9, 5)], unread: 1, read_seq: 4 }, new Map(), new Map());
  assert.equal(alerts.byIncident.get(9).feature.properties.name, "Incident 9");
});

test("an escalation removes the acknowledgement, an update keeps it", () => {
  const alerts = new Alerts();
  alerts.take(alert(1, incident(2)));
  alerts.acknowledge(acknowledged(2, 2));
  assert.equal(alerts.take(alert(3, incident(2), "updated")), false);
  assert.equal(whoHasIt(alerts.byIncident.get(2)).by, "Ada");
  assert.equal(alerts.take(alert(4, incident(2), "escalated")), true);
  assert.equal(whoHasIt(alerts.byIncident.get(2)), null);
});

test("unread counts each alert once, no muted ones, and past ones, too", () => {
  const alerts = new Alerts();
  alerts.load({ alerts: [answered(1, 3), answered(2, 5)], unread: 4, read_seq: 3 }, new Map(), new Map());
  assert.equal(alerts.unread, 4);
  alerts.take(alert(6, incident(3)));
  alerts.take(alert(7, incident(3), "escalated"));
  alerts.take(alert(8, incident(4), "raised", { muted: true }));
  assert.equal(alerts.unread, 5);
  alerts.clear(cleared(9, 3));
  assert.equal(alerts.unread, 5);
  alerts.read({ unread: 1, read_seq: 6 });
  assert.equal(alerts.unread, 1);
});

test("alerts count as read only when all unread ones were seen", () => {
  const alerts = new Alerts();
  alerts.take(alert(6, incident(3)));
  assert.ok(alerts.areAllUnread([3]));
  alerts.take(alert(7, incident(4)));
  assert.ok(!alerts.areAllUnread([3]));
  assert.ok(alerts.areAllUnread([3, 4]));
});

test("an alert in two areas is over when both are cleared", () => {
  const alerts = new Alerts();
  const message = alert(1, incident(2));
  message.areas_of_interest.push({ ...message.areas_of_interest[0], id: "AreaOfInterest:2", alert: 900 });
  alerts.take(message);
  assert.deepEqual(alerts.clear(cleared(2, 2)), []);
  assert.deepEqual(alerts.clear({ alerts: [{ id: 900, incident: "Incident:2", area: "AreaOfInterest:2" }] }), [2]);
});

test("in the panel unacknowledged alerts come first, and each other one has a name", () => {
  const alerts = new Alerts();
  alerts.take(alert(1, incident(1)));
  alerts.take(alert(2, incident(2)));
  alerts.acknowledge(acknowledged(3, 1));
  const sorted = waitingFirst([...alerts.byIncident.values()]);
  assert.deepEqual(sorted.map(alertWords), [
    `High, nobody has it yet, in ${isolate("Area 1")}`,
    `High, ${isolate("Ada")} has it, in ${isolate("Area 1")}`,
  ]);
});

test("the summary has the numbers of new and of waiting alerts", () => {
  assert.equal(summary({ unread: 1, waiting: 0 }), "1 alert since you last looked. Nobody is waited for.");
  assert.equal(summary({ unread: 3, waiting: 1 }), "3 alerts since you last looked. 1 still waits for somebody.");
});

test("the number of incidents inside an area is a sentence", () => {
  assert.equal(insideWords({ open: 0, alerting: 0 }), "No open incident lies inside.");
  assert.equal(
    insideWords({ open: 1, alerting: 1 }),
    "1 open incident lies inside, severe enough to alert. Saving raises no alerts for it.",
  );
  assert.equal(
    insideWords({ open: 3, alerting: 1 }),
    "3 open incidents lie inside, 1 of them severe enough to alert. Saving raises no alerts for them.",
  );
});

test("the end of a mute announces the alert, which then waits", () => {
  const alerts = new Alerts();
  assert.equal(alerts.take(alert(4, incident(1), "raised", { muted: true })), false);
  assert.equal(alerts.waiting, 0);
  assert.equal(alerts.take(alert(9, incident(1), "unmuted")), true);
  assert.equal(alerts.unread, 1);
  assert.equal(alerts.waiting, 1);
});
