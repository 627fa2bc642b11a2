/** Handles the pointer on the map: context menus, long touches, and clicks on features. */

import { MAX_ZOOM } from "./clusters.js";
import { pointAt } from "../base/geojson.js";

const LONG_PRESS_MS = 600;
const FINGER = 8; // pixels around a click within which a feature counts as hit
const PADDING = 80; // pixels kept free around the incidents of an opened cluster
const PICKABLE = ["incidents", "clusters"];

/**
 * @typedef {"incidents" | "areas"} SourceName
 * @typedef {import("./clusters.js").Feature} Feature
 * @typedef {{source: SourceName, keys: number[], at: [number, number], feature?: Feature}} Picked
 *   keys: primary keys, without doubles; feature: one that the store may not have
 */

/**
 * Calls the listener with the position of a right click, a long touch or the menu key.
 * @param {object} map of the library
 * @param {(point: import("../base/geojson.js").Point) => void} listener
 */
export function onMenu(map, listener) {
  let timer;
  const tell = ({ lngLat }) => listener(pointAt(lngLat.lng, lngLat.lat));
  map.on("contextmenu", (event) => {
    clearTimeout(timer);
    tell(event);
  });
  map.on("touchstart", (event) => {
    clearTimeout(timer);
    if (event.points.length === 1) timer = setTimeout(tell, LONG_PRESS_MS, event); // some phones have no menu event
  });
  for (const end of ["touchend", "touchmove", "touchcancel", "move"]) map.on(end, () => clearTimeout(timer));
}

/**
 * Calls the listener with the features that a click hits. A click on a cluster zooms in instead.
 * @param {object} map of the library
 * @param {(picked: Picked) => void} listener
 */
export function onPick(map, listener) {
  map.on("click", (event) => pick(map, event, listener));
  map.on("mousemove", ({ point }) => {
    map.getCanvas().style.cursor = map.queryRenderedFeatures(point, { layers: PICKABLE }).length > 0 ? "pointer" : "";
  });
}

function pick(map, { point, lngLat }, listener) {
  const box = [
    [point.x - FINGER, point.y - FINGER],
    [point.x + FINGER, point.y + FINGER],
  ];
  const hits = map.queryRenderedFeatures(box, { layers: PICKABLE });
  const areas = hits.length > 0 ? [] : map.queryRenderedFeatures(point, { layers: ["area-fill"] });
  const [top] = hits.length > 0 ? hits : areas;
  if (!top) return;
  if (top.layer.id === "clusters") return void openCluster(map, top);
  const same = [...hits, ...areas].filter((each) => each.layer.id === top.layer.id);
  const keys = [...new Set(same.map((each) => each.properties.pk))];
  const at = top.layer.id === "incidents" ? top.geometry.coordinates : [lngLat.lng, lngLat.lat];
  listener({ source: top.layer.id === "incidents" ? "incidents" : "areas", keys, at });
}

/** Zooms to the incidents of a cluster, by at least one level. */
function openCluster(map, { properties: { west, south, east, north } }) {
  const { center, zoom } = map.cameraForBounds(
    [
      [west, south],
      [east, north],
    ],
    { padding: PADDING, maxZoom: MAX_ZOOM + 1 },
  );
  map.easeTo({ center, zoom: Math.max(zoom, map.getZoom() + 1) });
}
