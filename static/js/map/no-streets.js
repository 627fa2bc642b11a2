/**
 * Says on the map that it has no streets where the view is, close up. For admins it links to the page that explains how
 * to add some.
 */

import { element } from "../base/elements.js";
import { t } from "../base/translate.js";

export const ROUGH_ZOOM = 11; // from this zoom on the coast is wrong by so much that the map says so

/**
 * Whether the map has nothing to show in the middle of the view but the coast.
 * @param {import("./basemap.js").MapConfig} config @param {number} zoom
 * @param {import("../base/geojson.js").Position} middle
 */
export function isBare({ tiles, streets = [] }, zoom, [longitude, latitude]) {
  if (tiles || zoom < ROUGH_ZOOM) return false;
  const covers = ({ bounds: [west, south, east, north], minzoom }) =>
    minzoom <= zoom && longitude >= west && longitude <= east && latitude >= south && latitude <= north;
  return !streets.some(covers);
}

/** @param {object} map of the library @param {import("./basemap.js").MapConfig} config */
export function sayNoStreets(map, config) {
  const help = config.streetsHelp ? [" ", element("a", { href: config.streetsHelp }, t("Add streets"))] : [];
  const note = element("p", { class: "no-streets", hidden: "" }, t("No street map here"), ...help);
  map.getContainer().append(note);
  function look() {
    const { lng, lat } = map.getCenter().wrap();
    note.hidden = !isBare(config, map.getZoom(), [lng, lat]);
  }
  map.on("moveend", look);
  look();
}
