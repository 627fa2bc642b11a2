import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { acknowledgementOf, inOrder, raisedAt, stateOf } from "../../../static/js/live/alert-order.js";
import { incident } from "../examples.js";

const areaAlert = (more = {}) => ({
  id: 1,
  area: "AreaOfInterest:1",
  name: "Area 1",
  severity: "Low",
  url: "/tracker/area_of_interest/1/",
  muted: false,
  mutedForMe: false,
  raised: "2026-01-01T00:00:00Z",
  seq: 1,
  changed: 0,
  acknowledged: null,
  ...more,
});
const entry = (pk, severity, ...areas) => ({ seq: 1, feature: incident(pk, { severity }), reason: "raised", areas });
const by = (name, at = "2026-01-01T00:00:00Z") => ({ acknowledged: { by: name, at, note: "" } });
const at = (hour) => ({ raised: `2026-01-01T0${hour}:00:00Z` });

test("the unacknowledged come first, of these the worst, and of these the one that was raised first", () => {
  const alerts = [
    entry(1, "High", areaAlert(at(3))),
    entry(2, "High", areaAlert(at(5)), areaAlert(at(1))),
    entry(3, "Urgent", areaAlert(at(5))),
    entry(4, "Urgent", areaAlert({ muted: true })),
    entry(5, "Urgent", areaAlert(by("Ada"))),
    entry(6, "High", areaAlert(at(3))),
  ];
  assert.deepEqual(
    inOrder(alerts).map(({ feature }) => feature.properties.pk),
    [3, 2, 1, 6, 5, 4],
  );
});

test("an incident is unacknowledged while one of its alerts is", () => {
  assert.equal(stateOf(entry(1, "Low", areaAlert(by("Ada")), areaAlert())), "unacknowledged");
  assert.equal(stateOf(entry(1, "Low", areaAlert(by("Ada")), areaAlert({ mutedForMe: true }))), "acknowledged");
  assert.equal(stateOf(entry(1, "Low", areaAlert({ muted: true }))), "muted");
});

test("the newest acknowledgement is shown", () => {
  const both = [areaAlert(by("Ada", "2026-01-02")), areaAlert(by("Ed", "2026-01-03"))];
  assert.equal(acknowledgementOf(entry(1, "Low", ...both)).by, "Ed");
  assert.equal(acknowledgementOf(entry(1, "Low", ...both, areaAlert())), null);
  assert.equal(raisedAt(entry(1, "Low", areaAlert(at(5)), areaAlert(at(2)))), at(2).raised);
});
