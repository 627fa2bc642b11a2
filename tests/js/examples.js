/** Features, collections and messages as the server would send them, for the tests. */

export const incident = (pk, properties = {}, coordinates = [24, 35]) => ({
  type: "Feature",
  id: `Incident:${pk}`,
  geometry: { type: "Point", coordinates },
  properties: {
    model: "Incident",
    pk,
    name: `Incident ${pk}`,
    severity: "High",
    closed: false,
    created: "2026-01-01T00:00:00Z",
    url: `/tracker/incident/${pk}/`,
    ...properties,
  },
});

export const area = (pk, properties = {}) => ({
  type: "Feature",
  id: `AreaOfInterest:${pk}`,
  geometry: {
    type: "Polygon",
    coordinates: [
      [
        [0, 0],
        [1, 0],
        [1, 1],
        [0, 0],
      ],
    ],
  },
  properties: {
    model: "AreaOfInterest",
    pk,
    name: `Area ${pk}`,
    severity: "Medium",
    url: `/tracker/area_of_interest/${pk}/`,
    ...properties,
  },
});

/** The mark of the entry at `seq` in the log of that name; another log has other marks. */
export const markOf = (seq, epoch = "e") => `${epoch}-mark-${seq}`;

export const collection = (features, seq = 10, epoch = "e") => ({
  type: "FeatureCollection",
  features,
  seq,
  mark: markOf(seq, epoch),
  epoch,
});

export const saved = (seq, feature) => ({ type: "post_save", seq, created: true, feature });
/** A delete says which feature is gone, and nothing that it held. */
export const deleted = (seq, { type, id, properties: { model, pk } }) => ({
  type: "post_delete",
  seq,
  feature: { type, id, geometry: null, properties: { model, pk } },
});
/** An alert of one incident in one area; the alert's id is 100 more than the incident's. */
export const alert = (seq, feature, reason = "raised", { muted = false } = {}) => ({
  type: "alert",
  seq,
  feature,
  reason,
  areas_of_interest: [
    {
      id: "AreaOfInterest:1",
      name: "Area 1",
      severity: "Medium",
      url: "/tracker/area_of_interest/1/",
      alert: 100 + feature.properties.pk,
      reason,
      muted,
    },
  ],
});
const pairs = (keys) => keys.map((pk) => ({ id: 100 + pk, incident: `Incident:${pk}`, area: "AreaOfInterest:1" }));
export const cleared = (seq, ...keys) => ({ type: "alert_cleared", seq, reason: "moved out", alerts: pairs(keys) });
export const acknowledged = (seq, ...keys) => ({
  type: "alert_acknowledged",
  seq,
  alerts: pairs(keys),
  by: "Ada",
  at: "2026-01-01T00:00:00Z",
  note: "on my way",
});
/** An alert as /api/alerts/ answers it. */
export const answered = (pk, raised_seq, more = {}) => ({
  ...pairs([pk])[0],
  incident_name: `Incident ${pk}`,
  area_name: "Area 1",
  severity: "High",
  raised: "2026-01-01T00:00:00Z",
  raised_seq,
  muted: false,
  acknowledged: null,
  acknowledged_by: null,
  note: "",
  cleared: null,
  cleared_reason: null,
  state: "open",
  ...more,
});
export const hello = (seq, recovered = true, epoch = "e") => ({
  type: "hello",
  seq,
  mark: markOf(seq, epoch),
  epoch,
  recovered,
});
