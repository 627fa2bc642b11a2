/**
 * Loads the world into a map with the style of basemap.js: its files, the finer ones when they come into view, and the
 * graticule.
 */

import { DETAIL_ZOOM } from "./basemap.js";
import { PLACES_ZOOM, placesToFeatures } from "./basemap-names.js";
import { covers, graticule, graticuleStep, grown } from "./graticule.js";

const EARLY = 0.5; // zoom levels by which a file is requested before it is shown

/**
 * @typedef {import("./basemap.js").MapConfig} MapConfig
 * @typedef {import("../base/geojson.js").Box} Box
 */

/**
 * @param {object} map of the library, whose style is loaded
 * @param {MapConfig} config
 * @param {Promise<unknown>} before what is loaded first
 */
export function bringWorld(map, config, before) {
  const url = (name) => new URL(`${config.vendor}${name}.json`, location.href).href;
  before.catch(() => {}).then(() => fill(map, url));
  followGraticule(map);
  if (config.tiles) return;
  onDemand(map, PLACES_ZOOM, () => [
    bring(map, "places", url("places"), async (answer) => placesToFeatures(await answer.json())),
  ]);
  onDemand(map, DETAIL_ZOOM, () => ["land", "borders"].map((name) => refine(map, name, url(`${name}-detail`))));
}

function fill(map, url) {
  for (const name of ["land", "borders", "countries"]) if (map.getSource(name)) bring(map, name, url(name));
}

/**
 * Reads an answer to its end, so that the browser caches it, and returns its address for the map library.
 * @param {string} address
 * @returns {(answer: Response) => Promise<string | object>} the address, or GeoJSON
 */
function kept(address) {
  return async (answer) => {
    await answer.blob();
    return address;
  };
}

/**
 * Requests a file and gives it to the map library.
 * The page requests it first, so that the service worker of the report page keeps it. Then the library's worker reads
 * it from the browser's cache. Reading the finer coast of five megabytes in the page would block it for a tenth of a
 * second.
 */
async function bring(map, name, address, read = kept(address)) {
  try {
    const answer = await fetch(address);
    if (answer.ok) map.getSource(name).setData(await read(answer));
    return answer.ok;
  } catch (error) {
    console.info(`The map is without ${name}:`, error); // there is no network, or the person has left the page
    return false;
  }
}

/**
 * Loads files shortly before the zoom at which they are shown, and again later if that failed.
 * @param {() => Promise<boolean>[]} load
 */
function onDemand(map, minzoom, load) {
  async function look() {
    if (map.getZoom() < minzoom - EARLY) return;
    map.off("zoom", look);
    const brought = await Promise.all(load());
    if (brought.includes(false)) map.on("zoom", look); // the network may be back at the next zoom
  }
  map.on("zoom", look);
  look();
}

/** Replaces the coarse lines by the fine ones as soon as those are loaded. */
function refine(map, name, address) {
  const source = `${name}-detail`;
  map.on("sourcedata", function swap({ sourceId }) {
    if (sourceId !== source || !map.isSourceLoaded(source)) return;
    map.off("sourcedata", swap);
    map.setLayerZoomRange(name, 0, DETAIL_ZOOM);
  });
  return bring(map, source, address);
}

function followGraticule(map) {
  /** @type {{step: number, box: Box}} */
  let drawn = { step: 0, box: [0, 0, 0, 0] };
  function follow() {
    const bounds = map.getBounds();
    /** @type {Box} */
    const seen = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
    const step = graticuleStep(map.getZoom());
    if (step === drawn.step && covers(drawn.box, seen)) return;
    drawn = { step, box: grown(seen) };
    map.getSource("graticule").setData(graticule(drawn.box, step));
  }
  map.on("move", follow);
  follow();
}
