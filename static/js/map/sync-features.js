/** Keeps the map's features in sync with a store's areas and with the selected incidents. */

import { serverNow } from "../base/server-clock.js";
import { isMuted } from "../base/elements.js";

const MAX_TIMEOUT_MS = 2 ** 31 - 1; // the longest delay of setTimeout

/**
 * An area as the map gets it: `muted` says whether it is muted now.
 * @param {import("../live/messages.js").Feature} feature
 * @returns {import("./clusters.js").Feature}
 */
export const areaForMap = (feature) => {
  const muted = isMuted(feature.properties);
  return muted ? { ...feature, properties: { ...feature.properties, muted } } : feature;
};

/**
 * An incident as the map gets it. It has only the properties that the layers use, since all is copied to a worker.
 * @param {import("../live/messages.js").Feature} feature
 * @returns {import("./clusters.js").Feature}
 */
export const incidentForMap = ({ geometry, properties: { pk, severity, closed, verified } }) => ({
  type: "Feature",
  geometry,
  properties: { pk, severity, ...(closed && { closed }), ...(verified === false && { unverified: true }) },
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
  /** Redraws the areas when a mute ends, since no message says so. */
  function watchMutes() {
    clearTimeout(timer);
    const ends = [...store.areas.values()]
      .filter(({ properties }) => isMuted(properties))
      .map(({ properties }) => Date.parse(properties.muted_until));
    if (ends.length > 0) timer = setTimeout(all, Math.min(Math.min(...ends) - serverNow() + 1, MAX_TIMEOUT_MS));
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
