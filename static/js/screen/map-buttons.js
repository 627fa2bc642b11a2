/** The map's buttons Home and My location. */

import { circle, pointAt } from "../base/geojson.js";
import { element, metres } from "../base/elements.js";
import { t } from "../base/translate.js";
import { locate, mayLocate } from "../base/locate.js";

/**
 * @param {import("../map/view.js").MapView} view
 * @param {{home: () => void, say: (sentence: string) => void}} actions home: shows everything
 */
export function addMapButtons(view, { home, say }) {
  let here = null;
  async function showMe() {
    try {
      const { longitude, latitude, accuracy } = await locate();
      const point = pointAt(longitude, latitude);
      here?.remove();
      here = view.place(element("div", { class: "here", "aria-hidden": "true" }), point.coordinates);
      view.fit([circle(point.coordinates, accuracy), point], { animate: true, maxZoom: 15 });
      say(t("Your location, within %(distance)s.", { distance: metres(accuracy) }));
    } catch (error) {
      say(error.message);
    }
  }
  view.addButtons([
    { icon: "home", words: t("Show everything"), act: home },
    ...(mayLocate() ? [{ icon: /** @type {const} */ ("location"), words: t("My location"), act: showMe }] : []),
  ]);
}
