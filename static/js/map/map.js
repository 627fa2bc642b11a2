/**
 * Loads the map library, and makes a map or shows why there is none. The only module that loads it.
 * view.js has the operations of a map. Only this folder and editor/draw.js use the library.
 */

import { FIT_PADDING, fitting, POINT_ZOOM } from "./fitting.js";
import { lastView, rememberView } from "./last-view.js";
import { mapStyle } from "./style.js";
import { MapView } from "./view.js";
import { readPalette } from "../base/palette.js";
import { openStreets } from "./streets.js";
import { t } from "../base/translate.js";

const NARROW = 640; // pixels: on narrower maps the credits fold away behind their button
const WORLD = [-170, -56, 190, 74];

export const readConfig = () => JSON.parse(document.getElementById("map-config").textContent);

/**
 * Makes a map in the element, or says in it why there is none. All forms work without a map too.
 * @param {HTMLElement} container
 * @param {object} [options]
 * @param {boolean} [options.hash] keeps the view in the address
 * @param {(import("../base/geojson.js").Geometry | null)[]} [options.shows] what the map begins with
 * @param {Promise<unknown>} [options.before] what is loaded before the world: on a slow line it is more urgent
 * @param {boolean} [options.goesOn] without `shows` the map begins where one was last, otherwise with the world
 * @param {boolean} [options.remembers] the next form begins where this map was last
 * @returns {Promise<MapView | null>} once it can show features
 */
export async function createMap(
  container,
  { hash = false, shows = [], goesOn = false, remembers = hash || goesOn, before = Promise.resolve() } = {},
) {
  const config = readConfig();
  try {
    const library = await import(new URL(`${config.vendor}maplibre-gl.mjs`, location.href).href);
    config.streets = await openStreets(config, library);
    const begin = fitting(shows.filter((geometry) => geometry !== null));
    const last = begin || !goesOn ? null : lastView();
    const map = new library.Map({
      container,
      style: mapStyle(config, readPalette()),
      ...(last ?? { bounds: begin?.box ?? WORLD }),
      fitBoundsOptions: { padding: FIT_PADDING, maxZoom: begin?.maxZoom ?? POINT_ZOOM },
      hash: hash && "map",
      dragRotate: false,
      touchPitch: false,
      pitchWithRotate: false,
      fadeDuration: 0, // each fading label would redraw the whole map, which is slow without a graphics card
      validateStyle: false,
      attributionControl: { compact: container.clientWidth < NARROW },
    });
    const view = new MapView(map, library, config, before);
    await view.loaded;
    if (remembers) rememberView(map);
    return view;
  } catch (error) {
    console.warn("No map:", error);
    document.documentElement.classList.add("no-map");
    container.replaceChildren(
      Object.assign(document.createElement("p"), {
        className: "map-fallback",
        textContent: t("This browser cannot show the map (it needs WebGL 2)."),
      }),
    );
    return null;
  }
}
