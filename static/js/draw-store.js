/** Draws a store's features on the map, now and from now on. */

import { isMuted } from "./elements.js";

const SOURCES = /** @type {const} */ (["incidents", "areas"]);
const MAX_TIMEOUT_MS = 2 ** 31 - 1; // of setTimeout

/** An area as the map is given it: `muted` says whether it is muted now. */
export const drawnArea = (feature) => {
  const muted = isMuted(feature.properties);
  return muted ? { ...feature, properties: { ...feature.properties, muted } } : feature;
};

/** @param {import("./store.js").Store} store @param {import("./map.js").MapView} view */
export function drawStore(store, view) {
  let timer;
  /** When a mute runs out nobody saves the area, so it is drawn anew by the clock. */
  function watchMutes() {
    clearTimeout(timer);
    const ends = [...store.areas.values()].filter(({ properties }) => isMuted(properties)).map(({ properties }) => Date.parse(properties.muted_until));
    if (ends.length > 0) timer = setTimeout(all, Math.min(Math.min(...ends) - Date.now() + 1, MAX_TIMEOUT_MS));
  }
  function all() {
    for (const source of SOURCES) view.setFeatures(source, [...store[source].values()].map(source === "areas" ? drawnArea : (feature) => feature));
    watchMutes();
  }
  store.subscribe((change) => {
    if (change.reset) return all();
    for (const pk of change.incidents.changed) view.putFeature("incidents", pk, store.incidents.get(pk));
    for (const pk of change.incidents.removed) view.putFeature("incidents", pk, null);
    for (const pk of change.areas.changed) view.putFeature("areas", pk, drawnArea(store.areas.get(pk)));
    for (const pk of change.areas.removed) view.putFeature("areas", pk, null);
    if (change.areas.changed.size > 0) watchMutes();
  });
  all();
}
