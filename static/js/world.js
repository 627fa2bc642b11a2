/** Brings the world into a map whose style is that of basemap.js: its files, the finer ones once they are seen, and the graticule. */

import { DETAIL_ZOOM } from "./basemap.js";
import { placesToFeatures } from "./basemap-names.js";
import { covers, graticule, graticuleStep, grown } from "./graticule.js";

const EARLY = 0.5; // zoom levels before the finer coast is shown that it is asked for

/** @typedef {import("./basemap.js").MapConfig} MapConfig */

/** @param {object} map of the library, whose style is loaded @param {MapConfig} config */
export function bringWorld(map, config) {
  const url = (name) => new URL(`${config.vendor}${name}.json`, location.href).href;
  fill(map, url);
  followGraticule(map);
  if (!config.tiles) detailOnDemand(map, url);
}

/** These are asked for by the page, not by the library's worker, so that what keeps the report page keeps them too. */
function fill(map, url) {
  const same = (file) => file;
  const wanted = { land: same, borders: same, countries: same, places: placesToFeatures };
  for (const [name, toGeoJSON] of Object.entries(wanted)) if (map.getSource(name)) bring(map, name, url(name), toGeoJSON);
}

async function bring(map, name, address, toGeoJSON) {
  try {
    const answer = await fetch(address);
    if (answer.ok) map.getSource(name).setData(toGeoJSON(await answer.json()));
    return answer.ok;
  } catch (error) {
    console.info(`The map is without ${name}:`, error); // the network is gone, or the person has left the page
    return false;
  }
}

function detailOnDemand(map, url) {
  async function load() {
    if (map.getZoom() < DETAIL_ZOOM - EARLY) return;
    map.off("zoom", load);
    const brought = await Promise.all(["land", "borders"].map((name) => refine(map, name, url(`${name}-detail`))));
    if (brought.includes(false)) map.on("zoom", load); // perhaps there is a network again by then
  }
  map.on("zoom", load);
  load();
}

/** Puts the fine one in the place of the coarse one, which stays until that is there. */
function refine(map, name, address) {
  const source = `${name}-detail`;
  map.on("sourcedata", function swap({ sourceId }) {
    if (sourceId !== source || !map.isSourceLoaded(source)) return;
    map.off("sourcedata", swap);
    map.setLayerZoomRange(name, 0, DETAIL_ZOOM);
  });
  return bring(map, source, address, (file) => file);
}

function followGraticule(map) {
  let drawn = { step: 0, box: [0, 0, 0, 0] };
  function follow() {
    const bounds = map.getBounds();
    const seen = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
    const step = graticuleStep(map.getZoom());
    if (step === drawn.step && covers(drawn.box, seen)) return;
    drawn = { step, box: grown(seen) };
    map.getSource("graticule").setData(graticule(drawn.box, step));
  }
  map.on("move", follow);
  follow();
}
