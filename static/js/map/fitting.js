/** Which part of the world shows geometries well. Pure. */

import { bounds } from "../base/geojson.js";

export const POINT_ZOOM = 15; // at which the streets around a point fill the map
const CLOSEST_ZOOM = 21; // at which a room fills the map
export const FIT_PADDING = 48; // pixels that stay free around what is shown

/**
 * The box around geometries, and the closest zoom for it: points need their surroundings, an area has its own size.
 * @param {Iterable<import("../base/geojson.js").Geometry>} geometries
 * @returns {{box: import("../base/geojson.js").Box, maxZoom: number} | null} null without any
 */
export function fitting(geometries) {
  const all = [...geometries];
  const box = bounds(all);
  return box && { box, maxZoom: all.every(({ type }) => type === "Point") ? POINT_ZOOM : CLOSEST_ZOOM };
}
