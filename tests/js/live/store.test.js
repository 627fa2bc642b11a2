import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { isolate } from "../../../static/js/base/bidi.js";
import { Store } from "../../../static/js/live/store.js";
import {
  acknowledged,
  alert,
  answered,
  area,
  cleared,
  collection,
  deleted,
  hello,
  incident,
  markOf,
  saved,
} from "../examples.js";

/** A store that was loaded at entry 10 and has missed nothing, with the changes that its listener got. */
function connected() {
  const store = new Store();
  store.load({ incidents: collection([incident(1)]), areas: collection([area(1)]) });
  store.apply(hello(10));
  const changes = [];
  store.subscribe((change) => changes.push(change));
  return { store, changes };
}

const notices = (changes) => changes.map(({ notice }) => notice).filter(Boolean);
const raised = (changes) => changes.flatMap((change) => [...change.raised]);

test("a saved incident is in the store, and the listener gets its key", () => {
  const { store, changes } = connected();
  store.apply(saved(11, incident(2)));
  assert.equal(store.incidents.get(2).properties.name, "Incident 2");
  assert.deepEqual([...changes[0].incidents.changed], [2]);
  assert.equal(store.seq, 11);
});

test("a deleted incident and a closed one are gone", () => {
  const { store, changes } = connected();
  store.apply(saved(11, incident(2)));
  store.apply(saved(12, incident(2, { closed: true })));
  store.apply(deleted(13, incident(1)));
  assert.equal(store.incidents.size, 0);
  assert.deepEqual(
    changes.flatMap((change) => [...change.incidents.removed]),
    [2, 1],
  );
});

test("entries that were erased change nothing, and the delete at their end is applied", () => {
  const { store, changes } = connected();
  store.apply(alert(11, incident(1)));
  store.apply({ type: "erased", seq: 12, mark: "a" });
  store.apply({ ...deleted(13, incident(1)), erased: true });
  store.apply(cleared(14, 1));
  assert.equal(store.incidents.size, 0);
  assert.equal(store.alerts.byIncident.size, 0);
  assert.equal(store.alerts.unacknowledged, 0);
  assert.deepEqual(
    changes.flatMap((change) => [...change.incidents.removed]),
    [1],
  );
  assert.equal(store.seq, 14);
});

test("an area is saved and deleted without touching the incidents", () => {
  const { store } = connected();
  store.apply(saved(11, area(2)));
  store.apply(deleted(12, area(1)));
  assert.deepEqual([...store.areas.keys()], [2]);
  assert.deepEqual([...store.incidents.keys()], [1]);
});

test("a feature of an unknown model only advances the position in the log", () => {
  const { store } = connected();
  store.apply(saved(11, { ...incident(1), properties: { model: "Vehicle", pk: 1 } }));
  assert.equal(store.incidents.get(1).properties.name, "Incident 1");
  assert.equal(store.seq, 11);
});

test("an unknown message counts as handled, so that it is not asked for again", () => {
  const { store } = connected();
  store.apply({ type: "unknown", seq: 11 });
  assert.equal(store.seq, 11);
  assert.deepEqual([...store.incidents.keys()], [1]);
});

test("a message that was handled before changes nothing", () => {
  const { store, changes } = connected();
  store.apply(saved(11, incident(2, { name: "new" })));
  store.apply(saved(11, incident(2, { name: "again" })));
  store.apply(saved(9, incident(1, { name: "old" })));
  assert.equal(store.incidents.get(2).properties.name, "new");
  assert.equal(store.incidents.get(1).properties.name, "Incident 1");
  assert.equal(changes.length, 1);
});

test("the log continues after the older of the two collections", () => {
  const store = new Store();
  store.load({ incidents: collection([], 12), areas: collection([], 10) });
  assert.equal(store.seq, 10);
  assert.equal(store.mark, markOf(10));
  assert.equal(store.epoch, "e");
});

test("the mark is that of the last entry, whatever its type; an entry of an older version has none", () => {
  const { store } = connected();
  assert.equal(store.mark, markOf(10));
  store.apply({ ...saved(11, incident(2)), mark: "a" });
  assert.equal(store.mark, "a");
  store.apply({ type: "erased", seq: 12, mark: "b" });
  store.apply({ ...saved(12, incident(3)), mark: "again" });
  assert.equal(store.mark, "b");
  store.apply({ type: "unknown", seq: 13 });
  assert.equal(store.mark, null);
});

test("after the log went back, alerts that the lost log did not have interrupt", () => {
  const { store, changes } = connected();
  store.apply({ ...saved(20, incident(2)), mark: "lost" });
  store.apply({ ...hello(15, false), went_back: true });
  store.load({
    incidents: collection([incident(3)], 15),
    areas: collection([area(1)], 15),
    alerts: { alerts: [answered(3, 12)], unread: 1, read_seq: 0, seq: 15 },
  });
  assert.deepEqual(raised(changes), [3]);
  assert.equal(store.seq, 15);
});

test("the changes of one turn reach the listener together", () => {
  const turns = [];
  const store = new Store({ schedule: (run) => turns.push(run) });
  store.load({ incidents: collection([]), areas: collection([]) });
  turns.pop()();
  const changes = [];
  store.subscribe((change) => changes.push(change));
  for (let seq = 11; seq <= 510; seq += 1) store.apply(saved(seq, incident(seq % 7)));
  store.apply(deleted(511, incident(3)));
  assert.equal(changes.length, 0);
  assert.equal(turns.length, 1);
  turns.pop()();
  assert.deepEqual([...changes[0].incidents.changed].sort(), [0, 1, 2, 4, 5, 6]);
  assert.deepEqual([...changes[0].incidents.removed], [3]);
});

test("a removed listener is not called", () => {
  const { store } = connected();
  let heard = 0;
  const stop = store.subscribe(() => (heard += 1));
  stop();
  store.apply(saved(11, incident(2)));
  assert.equal(heard, 0);
});

test("an alert interrupts, and is kept with its areas", () => {
  const { store, changes } = connected();
  store.apply(saved(11, incident(2)));
  store.apply(alert(12, incident(2)));
  assert.deepEqual(raised(changes), [2]);
  assert.equal(store.alerts.byIncident.get(2).areas[0].name, "Area 1");
});

test("an update of a known alert changes it without interrupting, an escalation interrupts again", () => {
  const { store, changes } = connected();
  store.apply(alert(11, incident(2)));
  store.apply(alert(12, incident(2, { name: "better known" }), "updated"));
  assert.deepEqual(raised(changes), [2]);
  assert.equal(store.alerts.byIncident.get(2).feature.properties.name, "better known");
  store.apply(alert(13, incident(2, { severity: "Urgent" }), "escalated"));
  assert.deepEqual(raised(changes), [2, 2]);
});

test("an update of an alert that this page does not know does not interrupt either", () => {
  const { store, changes } = connected();
  store.apply(alert(11, incident(2), "updated"));
  assert.deepEqual(raised(changes), []);
  assert.equal(store.alerts.byIncident.size, 1);
});

test("an alert of a muted area is kept, and does not interrupt", () => {
  const { store, changes } = connected();
  store.apply(alert(11, incident(2), "raised", { muted: true }));
  assert.deepEqual(raised(changes), []);
  assert.equal(store.alerts.byIncident.size, 1);
});

test("an acknowledged alert stays with the person's name, and does not interrupt", () => {
  const { store, changes } = connected();
  store.apply(alert(11, incident(2)));
  store.apply(acknowledged(12, 2));
  assert.equal(store.alerts.byIncident.get(2).areas[0].acknowledged.by, "Ada");
  assert.deepEqual(notices(changes), [
    `Acknowledged by ${isolate("Ada")}: ${isolate("Incident 2")} (${isolate("on my way")})`,
  ]);
});

test("an alert that was missed and acknowledged meanwhile does not interrupt", () => {
  const { store, changes } = connected();
  store.apply(hello(12));
  store.apply(alert(11, incident(2)));
  store.apply(acknowledged(12, 2));
  assert.deepEqual(raised(changes), []);
});

test("a cleared alert is over while its incident stays", () => {
  const { store } = connected();
  store.apply(saved(11, incident(2)));
  store.apply(alert(12, incident(2)));
  store.apply(cleared(13, 2));
  assert.equal(store.alerts.byIncident.size, 0);
  assert.ok(store.incidents.has(2));
});

const loadedAt = (seq, alerts) => ({
  incidents: collection([incident(1)], seq),
  areas: collection([area(1)], seq),
  alerts: { seq, alerts, unread: alerts.length, read_seq: 0 },
});

test("the alerts that are open at first do not interrupt", () => {
  const changes = [];
  const store = new Store();
  store.subscribe((change) => changes.push(change));
  store.load(loadedAt(10, [answered(1, 8)]));
  assert.deepEqual(raised(changes), []);
  assert.equal(store.alerts.unread, 1);
});

test("alerts raised before a full reload interrupt together", () => {
  const { store, changes } = connected();
  store.apply(hello(50, false));
  store.load(
    loadedAt(50, [
      answered(1, 8),
      answered(2, 40),
      answered(3, 30),
      answered(4, 45, { acknowledged: "2026", acknowledged_by: "Ada" }),
    ]),
  );
  assert.deepEqual(raised(changes), [3, 2]);
});

test("messages that the loaded alerts include are ignored", () => {
  const store = new Store();
  store.load({ ...loadedAt(10, []), alerts: { seq: 12, alerts: [], unread: 1, read_seq: 0 } });
  store.apply(hello(12));
  store.apply(alert(11, incident(2)));
  assert.equal(store.alerts.byIncident.size, 0);
  assert.equal(store.alerts.unread, 1);
});

test("the alert of a closed or deleted incident is over", () => {
  const { store } = connected();
  store.apply(alert(11, incident(2)));
  store.apply(alert(12, incident(3)));
  store.apply(saved(13, incident(2, { closed: true })));
  store.apply(deleted(14, incident(3)));
  assert.equal(store.alerts.byIncident.size, 0);
});

test("an alert that is over before the listener is called does not interrupt", () => {
  const turns = [];
  const store = new Store({ schedule: (run) => turns.push(run) });
  const changes = [];
  store.subscribe((change) => changes.push(change));
  store.apply(alert(1, incident(2)));
  store.apply(deleted(2, incident(2)));
  turns.pop()();
  assert.deepEqual(raised(changes), []);
});

test("a replay ends with one sentence and one set of alerts", () => {
  const { store, changes } = connected();
  store.apply(hello(14));
  store.apply(saved(11, incident(2)));
  store.apply(alert(12, incident(2)));
  store.apply(saved(13, area(2)));
  assert.deepEqual(notices(changes), []);
  assert.deepEqual(raised(changes), []);
  store.apply(saved(14, incident(3)));
  assert.deepEqual(notices(changes), ["3 changes while you were away"]);
  assert.deepEqual(raised(changes), [2]);
});

test("a missed alert that is over at the end of the replay does not interrupt", () => {
  const { store, changes } = connected();
  store.apply(hello(12));
  store.apply(alert(11, incident(2)));
  store.apply(deleted(12, incident(2)));
  assert.deepEqual(raised(changes), []);
});

test("a missed alert that was updated later still interrupts, once", () => {
  const { store, changes } = connected();
  store.apply(hello(12));
  store.apply(alert(11, incident(2)));
  store.apply(alert(12, incident(2), "updated"));
  assert.deepEqual(raised(changes), [2]);
});

test("entries after the replay are live and not counted", () => {
  const { store, changes } = connected();
  store.apply(hello(12));
  store.apply(saved(11, incident(2)));
  store.apply(saved(13, incident(3)));
  assert.deepEqual(notices(changes), ["1 change while you were away"]);
});

test("a heartbeat or a wait ends a replay whose last entry never comes", () => {
  for (const end of [(store) => store.apply({ type: "heartbeat", seq: 12 }), (store) => store.finishReplay()]) {
    const { store, changes } = connected();
    store.apply(hello(12));
    store.apply(saved(11, incident(2)));
    end(store);
    assert.deepEqual(notices(changes), ["1 change while you were away"]);
  }
});

test("a reconnection without missed entries shows no sentence", () => {
  const { store, changes } = connected();
  store.apply(hello(10));
  store.apply(saved(11, incident(2)));
  assert.deepEqual(notices(changes), []);
});

test("entries between loading and the first connection do not count as missed", () => {
  const store = new Store();
  const changes = [];
  store.subscribe((change) => changes.push(change));
  store.load({ incidents: collection([]), areas: collection([]) });
  store.apply(hello(11));
  store.apply(saved(11, incident(2)));
  assert.deepEqual(notices(changes), []);
});

test("after a gap in the log, live messages wait until the collections are loaded again", () => {
  const { store, changes } = connected();
  store.apply(hello(3, false, "other"));
  store.apply(saved(4, incident(7)));
  store.apply(saved(5, incident(8)));
  assert.deepEqual([...store.incidents.keys()], [1]);
  store.load({ incidents: collection([incident(7)], 4, "other"), areas: collection([], 4, "other") });
  assert.deepEqual([...store.incidents.keys()], [7, 8]);
  assert.equal(store.seq, 5);
  assert.equal(store.epoch, "other");
  assert.equal(notices(changes).length, 1);
  assert.ok(changes.some(({ reset }) => reset));
});

test("alerts whose incidents are not in the reloaded collections are over", () => {
  const { store } = connected();
  store.apply(alert(11, incident(2)));
  store.apply(hello(3, false, "other"));
  store.load({ incidents: collection([], 3, "other"), areas: collection([], 3, "other") });
  assert.equal(store.alerts.byIncident.size, 0);
});

test("the state of the connection is kept and sent to listeners", () => {
  const { store, changes } = connected();
  store.setConnection({ state: "reconnecting", retryAt: 5 });
  assert.equal(store.connection.state, "reconnecting");
  assert.ok(changes[0].connection);
});

/** A store that shows what the browser kept at entry 10, with alerts of now. */
function restored(alerts) {
  const store = new Store();
  const changes = [];
  store.subscribe((change) => changes.push(change));
  store.load({ incidents: collection([incident(1)]), areas: collection([area(1)]), alerts }, { kept: true });
  return { store, changes };
}

test("a kept state continues from its own entry, and the alerts stay as they were loaded later", () => {
  const alerts = { alerts: [answered(1, 13)], unread: 1, read_seq: 9, seq: 15 };
  const { store, changes } = restored(alerts);
  assert.equal(store.seq, 10);
  store.apply(hello(15));
  store.apply(alert(11, incident(1)));
  store.apply(saved(12, incident(1, { closed: true }))); // which ended its alert
  store.apply(saved(13, incident(1, { name: "Again" })));
  store.apply(alert(14, incident(1)));
  store.apply(cleared(15, 7));
  assert.equal(store.alerts.byIncident.get(1).feature.properties.name, "Again");
  assert.equal(store.alerts.unread, 1);
  assert.deepEqual(raised(changes), []);
  assert.deepEqual(notices(changes), []);
});

test("if the server does not continue from a kept state, the load is the first one for the reader", () => {
  const { store, changes } = restored({ alerts: [], unread: 0, read_seq: 9, seq: 15 });
  store.apply(hello(15, false));
  store.load({
    incidents: collection([incident(1)], 15),
    areas: collection([area(1)], 15),
    alerts: { alerts: [answered(1, 13)], unread: 1, read_seq: 9, seq: 15 },
  });
  assert.deepEqual(raised(changes), []);
  assert.deepEqual(notices(changes), []);
  assert.equal(store.seq, 15);
});
