/** Goes to something on the map: an incident, an area, a place or a position. Says so if the map can't show it. */

import { linkedIncident, withIncident } from "../live/incident-link.js";
import { isBeyondMap } from "../base/geojson.js";
import { isolate } from "../base/bidi.js";
import { t } from "../base/translate.js";

const TOWN_ZOOM = 12;
const UNKNOWN = t("This incident does not exist or was deleted.");
const TOO_FAR = t("Too close to the pole for this map.");

/**
 * @typedef {import("../live/messages.js").Feature} Feature
 * @typedef {{incident: (pk: number, how?: How) => Promise<void>, area: (pk: number) => void, place: (at:
 *   import("../base/geojson.js").Position, exact: boolean) => void}} GoTo
 * @typedef {{focus?: boolean, onClose?: () => void, jump?: boolean}} How jump: at once, without flying
 */

/**
 * @param {import("../map/view.js").MapView} view @param {import("../live/store.js").Store} store
 * @param {import("../live/selection.js").Selection} selection
 * @param {object} page
 * @param {(picked: import("../map/view.js").Picked, how?: object) => void} page.show opens the popup
 * @param {(pk: number) => Promise<Feature | null>} page.fetchIncident null for one that does not exist
 * @param {(sentence: string) => void} page.say
 * @param {(at: [number, number]) => void} page.mark shows the position for a moment
 * @returns {GoTo}
 */
export function goTo(view, store, selection, { show, fetchIncident, say, mark }) {
  async function find(pk) {
    try {
      return store.find("incidents", pk) ?? (await fetchIncident(pk));
    } catch (error) {
      say(error.message);
      return undefined;
    }
  }

  /** Says why the incident has no symbol on the map. @param {any} feature */
  function explain({ geometry, properties: { pk, name, closed } }) {
    if (isBeyondMap(geometry.coordinates))
      say(t("%(name)s: too close to the pole for this map.", { name: isolate(name) }));
    else if (selection.shown.has(pk)) return;
    else if (closed) say(t("%(name)s is closed, so its symbol is not on the map.", { name: isolate(name) }));
    else say(t("The filter hides the symbol of %(name)s.", { name: isolate(name) }));
  }

  return {
    async incident(pk, { jump = false, ...how } = {}) {
      const feature = await find(pk);
      if (feature === null) say(UNKNOWN);
      if (!feature) return;
      view.flyToIncident(feature, { animate: !jump });
      /** @type {import("../map/view.js").Picked} */
      const picked = { source: "incidents", keys: [pk], at: feature.geometry.coordinates };
      show(store.find("incidents", pk) ? picked : { ...picked, feature }, how);
      explain(feature);
    },
    area(pk) {
      const feature = store.find("areas", pk);
      if (!feature) return;
      view.fit([feature.geometry], { animate: true });
      show({ source: "areas", keys: [pk], at: view.centreOf(feature.geometry) });
    },
    place(at, exact) {
      if (isBeyondMap(at)) say(TOO_FAR);
      view.fly(at, exact ? undefined : TOWN_ZOOM);
      mark(at);
    },
  };
}

/**
 * Keeps the chosen incident in the page's address, and goes to the incident of an address.
 * @param {(pk: number, how?: How) => Promise<void>} go
 * @returns {(pk: number | null) => void} call it with the incident that is chosen now
 */
export function followAddress(go) {
  window.addEventListener("hashchange", () => {
    const pk = linkedIncident(location.hash);
    if (pk !== null) go(pk);
  });
  return (pk) => {
    const hash = withIncident(location.hash, pk);
    if (hash !== location.hash)
      history.replaceState(history.state, "", hash || `${location.pathname}${location.search}`);
  };
}
