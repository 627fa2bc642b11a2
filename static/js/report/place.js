/** The location of the report, from the device, the map, a search or typing; and its words. */

import { circle, pointAt } from "../base/geojson.js";
import { locate, locationAllowed, mayLocate, metres } from "../base/locate.js";
import { createMap, readConfig } from "../map/map.js";
import { loadPlaces, placeField } from "../base/place-search.js";
import { whereabouts } from "../base/places.js";
import { degrees, pointField } from "../editor/point-field.js";

const STREET_ZOOM = 16; // zoom at a found location, which shows streets and the circle of a good fix
const BARE_ZOOM = 14; // the same for a map without streets
const TOWN_ZOOM = 11; // zoom at a searched place
const part = (id) => document.getElementById(id);

/**
 * @param {(words: string) => void} onWords called with the location in words, "" without a location or a place near it
 * @returns {Promise<{clear: () => void}>} when the map is loaded
 */
export async function placePart(onWords) {
  const { tiles, pmtiles } = readConfig();
  const closest = tiles || pmtiles ? STREET_ZOOM : BARE_ZOOM;
  const loading = loadPlaces(readConfig().vendor);
  /** @type {import("../map/view.js").MapView | null} */
  let view = null;
  let pin = null;
  /** @type {import("../base/geojson.js").Point | null} */
  let current = null;
  const say = (sentence) => (part("locate-state").textContent = sentence);

  async function changed(point) {
    current = point;
    pin?.move(point);
    view?.setOutline(null);
    const { places } = await loading;
    if (current === point) onWords(point ? whereabouts(places, point.coordinates) : "");
  }

  const field = pointField(
    [degrees(part("location_lat"), part("location_lon"))],
    part("location-problem"),
    (point, typed) => {
      changed(point);
      if (point && typed) view?.fit([point], { maxZoom: TOWN_ZOOM });
    },
  );

  function put(point) {
    field.set(point);
    say("");
  }

  async function find() {
    if (!mayLocate()) return say("This page can't ask for the location. Tap the map or search a place instead.");
    say("Looking for your location…");
    part("locate").setAttribute("aria-busy", "true");
    try {
      const { longitude, latitude, accuracy } = await locate();
      const point = pointAt(longitude, latitude);
      const area = circle(point.coordinates, accuracy);
      field.set(point);
      view?.setOutline(area);
      view?.fit([area, point], { maxZoom: closest });
      say(`Found, give or take ${metres(accuracy)}. Drag the pin if it is off.`);
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
