/**
 * Brings the world into a map whose style is that of basemap.js: its files, the finer ones once they are seen, and the
 * graticule.
 */

import { DETAIL_ZOOM } from "./basemap.js";
import { PLACES_ZOOM, placesToFeatures } from "./basemap-names.js";
import { covers, graticule, graticuleStep, grown } from "./graticule.js";

const EARLY = 0.5; // zoom levels before something is shown that it is asked for

/**
 * @typedef {import("./basemap.js").MapConfig} MapConfig
 * @typedef {import("../base/geojson.js").Box} Box
 */

/** @param {object} map of the library, whose style is loaded @param {MapConfig} config */
export function bringWorld(map, config) {
  const url = (name) => new URL(`${config.vendor}${name}.json`, location.href).href;
  fill(map, url);
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
 * Reads an answer to its end, for the browser to keep, and gives the map library the address.
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
 * Files are asked for by the page, so that what keeps the report page keeps them too; then by the library's worker, out
 * of the browser's cache: to read the finer coast, of five megabytes, and hand it over would hold up the page for a
 * tenth of a second.
 */
async function bring(map, name, address, read = kept(address)) {
  try {
    const answer = await fetch(address);
    if (answer.ok) map.getSource(name).setData(await read(answer));
    return answer.ok;
  } catch (error) {
    console.info(`The map is without ${name}:`, error); // the network is gone, or the person has left the page
    return false;
  }
}

/**
 * Loads what is seen from a zoom on, once it is nearly there; and again later if it did not come.
 * @param {() => Promise<boolean>[]} load
 */
function onDemand(map, minzoom, load) {
  async function look() {
    if (map.getZoom() < minzoom - EARLY) return;
    map.off("zoom", look);
    const brought = await Promise.all(load());
    if (brought.includes(false)) map.on("zoom", look); // perhaps there is a network again by then
  }
  map.on("zoom", look);
  look();
}

/** Puts the fine one in the place of the coarse one, which stays until that is there. */
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
