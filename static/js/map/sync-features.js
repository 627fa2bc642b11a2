/** Draws a store's areas, and the incidents selected, on the map, now and from now on. */

import { isMuted } from "../base/elements.js";

const MAX_TIMEOUT_MS = 2 ** 31 - 1; // of setTimeout

/**
 * An area as the map is given it: `muted` says whether it is muted now.
 * @param {import("../live/messages.js").Feature} feature
 * @returns {import("./clusters.js").Feature}
 */
export const areaForMap = (feature) => {
  const muted = isMuted(feature.properties);
  return muted ? { ...feature, properties: { ...feature.properties, muted } } : feature;
};

/**
 * An incident as the map is given it. All of it is copied to a worker, so it has only what the layers look at.
 * @param {import("../live/messages.js").Feature} feature
 * @returns {import("./clusters.js").Feature}
 */
export const incidentForMap = ({ geometry, properties: { pk, severity, closed } }) => ({
  type: "Feature",
  geometry,
  properties: closed ? { pk, severity, closed } : { pk, severity },
});

/** @param {import("../live/selection.js").Selection} selection @param {import("./view.js").MapView} view */
export function syncIncidents(selection, view) {
  const all = () => view.setFeatures("incidents", Array.from(selection.shown.values(), incidentForMap));
  selection.subscribe(({ reset, changed, removed }) => {
    if (reset) return all();
    for (const pk of changed) view.putFeature("incidents", pk, incidentForMap(selection.shown.get(pk)));
    for (const pk of removed) view.putFeature("incidents", pk, null);
  });
  if (selection.shown.size > 0) all();
}

/** @param {import("../live/store.js").Store} store @param {import("./view.js").MapView} view */
export function syncAreas(store, view) {
  let timer;
  /** When a mute runs out nobody saves the area, so it is drawn anew by the clock. */
  function watchMutes() {
    clearTimeout(timer);
    const ends = [...store.areas.values()]
      .filter(({ properties }) => isMuted(properties))
      .map(({ properties }) => Date.parse(properties.muted_until));
    if (ends.length > 0) timer = setTimeout(all, Math.min(Math.min(...ends) - Date.now() + 1, MAX_TIMEOUT_MS));
  }
  function all() {
    view.setFeatures("areas", Array.from(store.areas.values(), areaForMap));
    watchMutes();
  }
  store.subscribe(({ reset, areas: { changed, removed } }) => {
    if (reset) return all();
    for (const pk of changed) view.putFeature("areas", pk, areaForMap(store.areas.get(pk)));
    for (const pk of removed) view.putFeature("areas", pk, null);
    if (changed.size > 0) watchMutes();
  });
  all();
}
