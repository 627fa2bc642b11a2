/** The search of a place and the button for the own location, beside the map of a form. */

import { circle, pointAt } from "../base/geojson.js";
import { metres } from "../base/elements.js";
import { locate, mayLocate } from "../base/locate.js";
import { loadPlaces, placeField } from "../base/place-search.js";
import { t } from "../base/translate.js";
import { readConfig } from "../map/map.js";

const TOWN_ZOOM = 12;

const part = (id) => document.getElementById(id);

/**
 * Connects the elements of templates/shared/_place_tools.html.
 * @param {() => import("../map/view.js").MapView | null} view
 * @param {(point: import("../base/geojson.js").Point) => void} [found] gets the own location and typed coordinates
 */
export function placeTools(view, found = () => {}) {
  /** @type {ReturnType<typeof loadPlaces> | undefined} */
  let loading;
  function places() {
    loading ??= loadPlaces(readConfig().vendor);
    return loading;
  }
  const say = (sentence) => (part("place-state").textContent = sentence);
  placeField(
    part("place"),
    part("places"),
    async (text) => (await places()).search(text),
    (position, exact) => {
      const point = pointAt(...position);
      say("");
      if (exact) found(point);
      view()?.fit([point], exact ? {} : { maxZoom: TOWN_ZOOM });
    },
  );
  part("locate").hidden = !mayLocate();
  part("locate").addEventListener("click", async () => {
    say(t("Looking for your location…"));
    try {
      const { longitude, latitude, accuracy } = await locate();
      const point = pointAt(longitude, latitude);
      found(point);
      view()?.fit([circle(point.coordinates, accuracy), point], { maxZoom: 16 });
      say(t("Found, give or take %(distance)s.", { distance: metres(accuracy) }));
    } catch (error) {
      say(error.message);
    }
  });
}
