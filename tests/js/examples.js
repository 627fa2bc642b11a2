/** Features, collections and messages as the server would send them, for the tests. */

export const incident = (pk, properties = {}, coordinates = [24, 35]) => ({
  type: "Feature",
  id: `Incident:${pk}`,
  geometry: { type: "Point", coordinates },
  properties: { model: "Incident", pk, name: `Incident ${pk}`, severity: "High", closed: false, created: "2026-01-01T00:00:00Z", url: `/tracker/incident/${pk}/`, ...properties },
});

export const area = (pk, properties = {}) => ({
  type: "Feature",
  id: `AreaOfInterest:${pk}`,
  geometry: { type: "Polygon", coordinates: [[[0, 0], [1, 0], [1, 1], [0, 0]]] },
  properties: { model: "AreaOfInterest", pk, name: `Area ${pk}`, severity: "Medium", url: `/tracker/area_of_interest/${pk}/`, ...properties },
});

export const collection = (features, seq = 10, epoch = "e") => ({ type: "FeatureCollection", features, seq, epoch });

export const saved = (seq, feature) => ({ type: "post_save", seq, created: true, feature });
export const deleted = (seq, feature) => ({ type: "post_delete", seq, feature });
export const alert = (seq, feature, reason = "raised") => ({
  type: "alert",
  seq,
  feature,
  reason,
  areas_of_interest: [{ id: 1, name: "Area 1", severity: "Medium", url: "/tracker/area_of_interest/1/" }],
});
export const hello = (seq, recovered = true, epoch = "e") => ({ type: "hello", seq, epoch, recovered });
