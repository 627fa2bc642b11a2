import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { acknowledgementOf, inOrder, stateOf } from "../../../static/js/live/alert-order.js";
import { Alerts } from "../../../static/js/live/alerts.js";
import { isolate } from "../../../static/js/base/bidi.js";
import { insideWords } from "../../../static/js/editor/inside-count.js";
import { alertWords } from "../../../static/js/screen/panel-entries.js";
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
  assert.equal(acknowledgementOf(alerts.byIncident.get(2)).by, "Ada");
  assert.equal(alerts.take(alert(4, incident(2), "escalated")), true);
  assert.equal(acknowledgementOf(alerts.byIncident.get(2)), null);
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
  const sorted = inOrder([...alerts.byIncident.values()]);
  assert.deepEqual(sorted.map(alertWords), [
    `High, Unacknowledged, in ${isolate("Area 1")}`,
    `High, Acknowledged by ${isolate("Ada")}, in ${isolate("Area 1")}`,
  ]);
});

test("a row says that the map can't show its incident", () => {
  const far = { ...incident(1), geometry: { type: "Point", coordinates: [10, 86] } };
  const words = alertWords({ feature: far, areas: [{ name: "Pole", muted: true, acknowledged: null }] });
  assert.equal(words, `High, Muted, in ${isolate("Pole")}. Too close to the pole for this map.`);
});

test("the summary has the numbers of new and of unacknowledged alerts", () => {
  assert.equal(summary({ unread: 1, unacknowledged: 0 }), "1 alert since you last looked. Unacknowledged: 0.");
  assert.equal(summary({ unread: 3, unacknowledged: 1 }), "3 alerts since you last looked. Unacknowledged: 1.");
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

test("the end of a mute announces the alert, which is then unacknowledged", () => {
  const alerts = new Alerts();
  assert.equal(alerts.take(alert(4, incident(1), "raised", { muted: true })), false);
  assert.equal(alerts.unacknowledged, 0);
  assert.equal(alerts.take(alert(9, incident(1), "unmuted")), true);
  assert.equal(alerts.unread, 1);
  assert.equal(alerts.unacknowledged, 1);
});

const inArea = (seq, feature, area, more = {}) => {
  const message = alert(seq, feature);
  Object.assign(message.areas_of_interest[0], { id: `AreaOfInterest:${area}`, alert: 1000 + area, ...more });
  return message;
};
const muteOf = (until, since = 5, area = 1) => ({ account: 7, area: `AreaOfInterest:${area}`, until, since });

test("an incident counts once, and until all its alerts are acknowledged", () => {
  const alerts = new Alerts();
  alerts.take(inArea(1, incident(1), 1));
  alerts.take(inArea(2, incident(1), 2));
  assert.equal(alerts.unacknowledged, 1);
  alerts.acknowledge({ ...acknowledged(3, 1), alerts: [{ id: 1001, incident: "Incident:1", area: "" }] });
  assert.equal(alerts.unacknowledged, 1);
  assert.equal(acknowledgementOf(alerts.byIncident.get(1)), null);
  alerts.acknowledge({ ...acknowledged(4, 1), alerts: [{ id: 1002, incident: "Incident:1", area: "" }] });
  assert.equal(alerts.unacknowledged, 0);
  assert.equal(stateOf(alerts.byIncident.get(1)), "acknowledged");
});

test("incidents that the answer does not list count, too", () => {
  const alerts = new Alerts();
  const answer = { alerts: [answered(1, 5)], unread: 0, read_seq: 9, unacknowledged: 1200 };
  alerts.load(answer, new Map(), new Map());
  assert.equal(alerts.unacknowledged, 1200);
  alerts.acknowledge(acknowledged(10, 1));
  assert.equal(alerts.unacknowledged, 1199);
});

test("a released alert is unacknowledged and unread, and one that is handed over keeps its note", () => {
  const alerts = new Alerts();
  alerts.take(alert(1, incident(1)));
  alerts.read({ unread: 0, read_seq: 1 });
  alerts.acknowledge(acknowledged(2, 1));
  alerts.handOver({ ...acknowledged(3, 1), to: "Ed", note: "" });
  const [area] = alerts.byIncident.get(1).areas;
  assert.deepEqual([area.acknowledged.by, area.acknowledged.note, area.changed], ["Ed", "on my way", 3]);
  alerts.release({ ...acknowledged(4, 1) });
  assert.deepEqual([area.acknowledged, area.seq, alerts.unacknowledged, alerts.unread], [null, 4, 1, 1]);
});

test("a personal mute quiets an area until it ends, and announces then what was raised meanwhile", () => {
  const alerts = new Alerts();
  alerts.take(alert(4, incident(1)));
  assert.deepEqual(alerts.mute(muteOf("2030-01-01T00:00:00Z")), []);
  assert.equal(alerts.unacknowledged, 0);
  assert.equal(stateOf(alerts.byIncident.get(1)), "muted");
  assert.equal(alerts.take(alert(6, incident(2))), false);
  assert.equal(alerts.take(alert(7, incident(3, { severity: "Urgent" }))), true);
  assert.equal(alerts.take(alert(8, incident(4))), false);
  alerts.acknowledge(acknowledged(9, 4));
  assert.deepEqual(alerts.mute(muteOf(null)), [2, 3]);
  assert.equal(alerts.unacknowledged, 3);
});

test("an incident that becomes urgent is muted no longer", () => {
  const alerts = new Alerts();
  alerts.mute(muteOf("2030-01-01T00:00:00Z"));
  assert.equal(alerts.take(alert(6, incident(1))), false);
  assert.equal(alerts.take(alert(7, incident(1, { severity: "Urgent" }), "escalated")), true);
  alerts.refresh(incident(1));
  assert.equal(stateOf(alerts.byIncident.get(1)), "muted");
});

test("a mute that ended while the page was away announces what was raised during it", () => {
  const alerts = new Alerts();
  const mute = { area: "AreaOfInterest:1", until: "2030-01-01T00:00:00Z", since: 4 };
  const answer = { alerts: [answered(1, 3), answered(2, 6)], unread: 0, read_seq: 9, unacknowledged: 0 };
  alerts.load({ ...answer, personal_mutes: [mute] }, new Map(), new Map());
  assert.equal(alerts.unacknowledged, 0);
  assert.deepEqual([...alerts.load({ ...answer, unacknowledged: 2 }, new Map(), new Map(), 8)], [2]);
  assert.equal(alerts.unacknowledged, 2);
});
