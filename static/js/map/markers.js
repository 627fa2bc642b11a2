/** Puts elements of the page, and pins, at positions of the map. */

import { pointAt } from "../base/geojson.js";
import { readPalette } from "../base/palette.js";

/**
 * @typedef {import("../base/geojson.js").Point} Point
 * @typedef {import("../base/geojson.js").Position} Position
 */

/**
 * Puts an element of the page at a position of the map.
 * @param {object} map of the library @param {object} library its exports
 * @param {HTMLElement} element @param {[number, number]} at
 * @param {{onDrag?: (at: Position) => void, onDragEnd?: (at: Position) => void}} [drag] without it the element stays
 *   where it is
 * @returns {{remove: () => void, move: (at: [number, number]) => void}}
 */
export function placeElement(map, library, element, at, { onDrag, onDragEnd } = {}) {
  const marker = new library.Marker({ element, draggable: Boolean(onDragEnd) }).setLngLat(at).addTo(map);
  const here = () => pointAt(marker.getLngLat().lng, marker.getLngLat().lat).coordinates;
  marker.on("drag", () => onDrag?.(here()));
  marker.on("dragend", () => onDragEnd?.(here()));
  return { remove: () => marker.remove(), move: (to) => marker.setLngLat(to) };
}

/**
 * Makes a pin that can be dragged. `move` puts it on the map.
 * @param {object} map of the library @param {object} library its exports
 * @param {(point: Point) => void} onDragged
 * @returns {{move: (point: Point | null) => void}}
 */
export function makePin(map, library, onDragged) {
  const marker = new library.Marker({ draggable: true, color: readPalette()["map-accent"] });
  marker.on("dragend", () => onDragged(pointAt(marker.getLngLat().lng, marker.getLngLat().lat)));
  return {
    move: (point) => {
      if (point) marker.setLngLat(point.coordinates).addTo(map);
      else marker.remove();
    },
  };
}
