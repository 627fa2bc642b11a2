/**
 * Joins incidents that are too close on the screen into clusters. Pure.
 * It works for one zoom and one box at a time, from scratch: that takes milliseconds for tens of thousands of
 * incidents. An index over all zooms takes longer.
 */

import { severityNamed } from "../base/severity.js";

export const MAX_ZOOM = 11; // at closer zooms each incident is drawn alone
const RADIUS = 44; // pixels: about two icons side by side
const TILE = 512; // pixels: the width of the world at zoom 0
const MAX_LATITUDE = 85.0511287798; // of the Mercator projection

/**
 * @typedef {import("../base/geojson.js").Box} Box
 * @typedef {{type: "Feature", geometry: import("../base/geojson.js").Geometry, properties: Record<string, any>}}
 *   Feature what the map library is given: an incident, an area or a cluster
 * @typedef {{x: number, y: number, rank: number, feature: Feature}} Place x and y: of 1, from the west and from the
 *   north
 * @typedef {{x: number, y: number, count: number, rank: number, feature: Feature, box: Box}} Cell
 */

const mercator = (latitude) => {
  const sine = Math.sin((Math.min(MAX_LATITUDE, Math.max(-MAX_LATITUDE, latitude)) * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
};
const longitudeOf = (x) => (x - 0.5) * 360;
const latitudeOf = (y) => (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;

/** @param {Feature} feature an incident @returns {Place} */
export function placeOf(feature) {
  const [longitude, latitude] = feature.geometry.coordinates;
  return {
    x: longitude / 360 + 0.5,
    y: mercator(latitude),
    rank: severityNamed(feature.properties.severity).rank,
    feature,
  };
}

/** Returns a test whether a place is in the box, on any copy of the world. */
function inside([west, south, east, north]) {
  const [left, width, top, bottom] = [west / 360 + 0.5, (east - west) / 360, mercator(north), mercator(south)];
  return ({ x, y }) => y >= top && y <= bottom && x - left - Math.floor(x - left) <= width;
}

function join(cell, { x, y, count = 1, rank, box: [west, north, east, south] = [x, y, x, y] }) {
  const all = cell.count + count;
  cell.x += ((x - cell.x) * count) / all;
  cell.y += ((y - cell.y) * count) / all;
  cell.count = all;
  cell.rank = Math.max(cell.rank, rank);
  cell.box = [
    Math.min(cell.box[0], west),
    Math.min(cell.box[1], north),
    Math.max(cell.box[2], east),
    Math.max(cell.box[3], south),
  ];
}

/**
 * Puts the places into the cells of a grid whose cells are as wide as the radius.
 * @returns {Map<number, Cell>} by column + row × columns
 */
function gridded(places, isInside, scale, columns) {
  const cells = new Map();
  for (const place of places) {
    if (!isInside(place)) continue;
    const { x, y, rank, feature } = place;
    const key = Math.floor(x * scale) + Math.floor(y * scale) * columns;
    const cell = cells.get(key);
    if (cell) join(cell, place);
    else cells.set(key, { x, y, count: 1, rank, feature, box: [x, y, x, y] });
  }
  return cells;
}

/** Merges into each cell its neighbours within the radius, beginning with the fullest cell. @returns {Cell[]} */
function merged(cells, scale, columns) {
  const around = [-columns - 1, -columns, -columns + 1, -1, 1, columns - 1, columns, columns + 1];
  const found = [];
  for (const [key, cell] of [...cells].sort(([, one], [, other]) => other.count - one.count)) {
    if (!cells.delete(key)) continue;
    found.push(cell);
    const { x, y } = cell;
    for (const step of around) {
      const other = cells.get(key + step);
      if (!other || Math.hypot(other.x - x, other.y - y) * scale > 1) continue;
      cells.delete(key + step);
      join(cell, other);
    }
  }
  return found;
}

const abbreviated = (count) =>
  count >= 10_000 ? `${Math.round(count / 1000)}k` : count >= 1000 ? `${Math.round(count / 100) / 10}k` : String(count);

/** @param {Cell} cell @returns {Feature} */
function drawn({ x, y, count, rank, feature, box: [west, north, east, south] }) {
  if (count === 1) return feature;
  const box = { west: longitudeOf(west), south: latitudeOf(south), east: longitudeOf(east), north: latitudeOf(north) };
  return {
    type: "Feature",
    geometry: { type: "Point", coordinates: [longitudeOf(x), latitudeOf(y)] },
    properties: { count, abbreviated: abbreviated(count), worst: rank, ...box },
  };
}

/**
 * @param {Iterable<Place>} places
 * @param {number} zoom a whole one
 * @param {Box} box
 * @returns {Feature[]} incidents that stand alone, as they were given, and clusters: points with `count`,
 *   `abbreviated`, the
 *   `worst` severity's rank, and the box around their incidents
 */
export function clustered(places, zoom, box) {
  const isInside = inside(box);
  if (zoom > MAX_ZOOM)
    return Array.from(places)
      .filter(isInside)
      .map(({ feature }) => feature);
  const scale = (2 ** zoom * TILE) / RADIUS;
  const columns = Math.ceil(scale) + 2; // so that the last cell of a row and the first of the next are not neighbours
  return merged(gridded(places, isInside, scale, columns), scale, columns).map(drawn);
}

/** The box of a map of this size in pixels, with the feature in its middle. @returns {Box} */
function around({ x, y }, zoom, [width, height]) {
  const [right, down] = [width, height].map((pixels) => pixels / 2 / (TILE * 2 ** zoom));
  const [top, bottom] = [Math.max(0, y - down), Math.min(1, y + down)];
  return [longitudeOf(x - right), latitudeOf(bottom), longitudeOf(x + right), latitudeOf(top)];
}

/**
 * The first whole zoom, not below the given one, at which a feature in the middle of the map is in no cluster.
 * @param {Iterable<Place>} places
 * @param {Feature} feature
 * @param {number} zoom a whole one
 * @param {[number, number]} size of the map in pixels
 */
export function aloneFrom(places, feature, zoom, size) {
  const [all, here] = [[...places], placeOf(feature)];
  const isAlone = (at) => {
    const found = clustered(all, at, around(here, at, size));
    return found.some(({ properties }) => properties.pk === feature.properties.pk);
  };
  let at = zoom;
  while (at <= MAX_ZOOM && !isAlone(at)) at += 1;
  return at;
}
