/** The location of the report, from the device, the map, a search or typing; its accuracy, and the nearest town. */

import { t } from "../base/translate.js";
import { circle, pointAt } from "../base/geojson.js";
import { metres } from "../base/elements.js";
import { locate, locationAllowed, mayLocate } from "../base/locate.js";
import { createMap, readConfig } from "../map/map.js";
import { loadPlaces, placeField } from "../base/place-search.js";
import { whereabouts } from "../base/places.js";
import { degrees, pointField } from "../editor/point-field.js";

const STREET_ZOOM = 16; // zoom at a found location, which shows streets and the circle of a good fix
const BARE_ZOOM = 14; // the same for a map without streets
const TOWN_ZOOM = 11; // zoom at a searched place
const TOWN_M = 1000; // with a worse accuracy the nearest town may be another one
const COARSE_M = 2000; // with a worse accuracy the person puts the pin: this is the place of a mast or a provider
const part = (id) => document.getElementById(id);

/**
 * @param {HTMLInputElement} kept has the accuracy in metres of a location that the device gave, otherwise ""
 * @returns {Promise<{clear: () => void}>} when the map is loaded
 */
export async function placePart(kept) {
  const { tiles, pmtiles } = readConfig();
  const closest = tiles || pmtiles ? STREET_ZOOM : BARE_ZOOM;
  const loading = loadPlaces(readConfig().vendor);
  /** @type {import("../map/view.js").MapView | null} */
  let view = null;
  let pin = null;
  /** @type {import("../base/geojson.js").Point | null} */
  let current = null;
  /** @type {number | null} the accuracy while a location of the device is set */
  let found = null;
  const say = (sentence) => (part("locate-state").textContent = sentence);

  /** @param {import("../base/geojson.js").Point | null} point @param {number | null} accuracy null: a person put it */
  async function changed(point, accuracy = null) {
    current = point;
    kept.value = accuracy === null ? "" : String(Math.ceil(accuracy));
    pin?.move(point);
    view?.setOutline(point && accuracy !== null ? circle(point.coordinates, accuracy) : null);
    part("place-words").textContent = "";
    if (!point || (accuracy ?? 0) > TOWN_M) return;
    const { places } = await loading;
    const words = whereabouts(places, point.coordinates);
    if (current === point) part("place-words").textContent = words && words[0].toUpperCase() + words.slice(1);
  }

  const field = pointField(
    [degrees(part("location_lat"), part("location_lon"))],
    part("location-problem"),
    (point, typed) => {
      changed(point, found);
      if (point && typed) view?.fit([point], { maxZoom: TOWN_ZOOM });
    },
  );

  function put(point) {
    field.set(point);
    say("");
  }

  async function find() {
    if (!mayLocate()) return say(t("This page can't ask for the location. Tap the map or search a place instead."));
    say(t("Looking for your location…"));
    part("locate").setAttribute("aria-busy", "true");
    const before = current;
    try {
      const { longitude, latitude, accuracy } = await locate();
      if (current !== before) return say(""); // the person has set it meanwhile
      const point = pointAt(longitude, latitude);
      const area = circle(point.coordinates, accuracy);
      if (accuracy > COARSE_M) {
        if (!current) view?.setOutline(area);
        if (!current) view?.fit([area]);
        return say(
          t("You are somewhere within %(distance)s. Tap the map where it happened, or search a place.", {
            distance: metres(accuracy),
          }),
        );
      }
      found = accuracy;
      field.set(point);
      found = null;
      view?.fit([area, point], { maxZoom: closest });
      say(t("Found, to within %(distance)s. Drag the pin if it is off.", { distance: metres(accuracy) }));
    } catch (error) {
      say(error.message);
    } finally {
      part("locate").removeAttribute("aria-busy");
    }
  }

  part("insecure").hidden = isSecureContext;
  part("locate").addEventListener("click", find);
  placeField(
    part("place"),
    part("places"),
    async (text) => (await loading).search(text),
    (position, exact) => {
      const point = pointAt(...position);
      put(point);
      view?.fit([point], exact ? {} : { maxZoom: TOWN_ZOOM });
    },
  );
  view = await createMap(part("map"), { shows: [current] });
  if (view) {
    pin = view.pin(put);
    pin.move(current);
    view.onClick(put);
  }
  if (!current && mayLocate() && (await locationAllowed())) find();
  return {
    clear() {
      part("place").value = "";
      changed(null);
      say("");
    },
  };
}
