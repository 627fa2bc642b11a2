/**
 * Reads and writes the geometries that people type. Pure. Errors are sentences for the reader. The server checks again,
 * and checks more, for instance whether a polygon crosses itself.
 */

import { t } from "./translate.js";

/**
 * @typedef {[number, number]} Position longitude, latitude in degrees, WGS 84
 * @typedef {{type: "Point", coordinates: Position}} Point
 * @typedef {{type: "Polygon", coordinates: Position[][]}} Polygon
 * @typedef {{type: string, coordinates: any}} Geometry one of these, not checked yet
 * @typedef {[number, number, number, number]} Box west, south, east, north in degrees
 */

export const DECIMALS = 7; // about a centimetre
const MAX_LONGITUDE = 180;
const MAX_DRAWN_LONGITUDE = 540; // a polygon across the antimeridian is drawn on the neighbouring copy of the world
const MAX_LATITUDE = 90;
const MERCATOR_END = 85.0511287798; // degrees: where a map of the whole world, which is a square, ends

/** Whether a position is too close to a pole for the map. @param {Position} position */
export const isBeyondMap = ([, latitude]) => Math.abs(latitude) > MERCATOR_END;

/** A problem of a typed text, as a sentence. */
export class TypedError extends Error {}

/** @param {number} degrees */
export const round = (degrees) => Number(degrees.toFixed(DECIMALS));

/** The same longitude from -180 to 180. @param {number} longitude */
export const wrap = (longitude) => round(((((longitude + 180) % 360) + 360) % 360) - 180);

function parse(text, type) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new TypedError(t("This is not JSON: check the brackets, commas and quotation marks."));
  }
  if (value?.type === "Feature") value = value.geometry;
  if (value?.type !== type) throw new TypedError(t("This should be a GeoJSON %(type)s.", { type }));
  return value.coordinates;
}

/** @returns {Position} */
function position(value, maxLongitude) {
  const numbers = Array.isArray(value) && value.length >= 2 && value.every(Number.isFinite);
  if (!numbers) throw new TypedError(t("A position is two numbers: [longitude, latitude]."));
  const [longitude, latitude] = value;
  if (Math.abs(longitude) > maxLongitude)
    throw new TypedError(t("The longitude %(degrees)s is out of range.", { degrees: longitude }));
  if (Math.abs(latitude) > MAX_LATITUDE)
    throw new TypedError(t("The latitude %(degrees)s is out of range.", { degrees: latitude }));
  return [round(longitude), round(latitude)];
}

const same = (a, b) => a[0] === b[0] && a[1] === b[1];

function ring(value) {
  if (!Array.isArray(value)) throw new TypedError(t("A ring is a list of positions."));
  const positions = value.map((each) => position(each, MAX_DRAWN_LONGITUDE));
  if (positions.length < 4)
    throw new TypedError(t("A ring needs at least four positions, the last the same as the first."));
  if (!same(positions[0], positions[positions.length - 1])) throw new TypedError(t("A ring must end where it begins."));
  return positions;
}

/** @param {string} text @returns {Point} @throws {TypedError} */
export function parsePoint(text) {
  return { type: "Point", coordinates: position(parse(text, "Point"), MAX_LONGITUDE) };
}

/** @param {string} text @returns {Polygon} with its holes @throws {TypedError} */
export function parsePolygon(text) {
  const rings = parse(text, "Polygon");
  if (!Array.isArray(rings) || rings.length === 0) throw new TypedError(t("A polygon is a list of rings."));
  return { type: "Polygon", coordinates: rings.map(ring) };
}

const isLong = (degrees) => Math.abs(degrees) > 180 && Math.abs(degrees) < 360; // an edge of 360° has no short way
const steps = (ring) => ring.slice(1).map(([longitude], index) => longitude - ring[index][0]);

/** Whether an edge has two possible meanings: see long-edges.js. @param {Polygon} polygon */
export const hasLongEdge = ({ coordinates }) => coordinates.some((ring) => steps(ring).some(isLong));

/**
 * The query by which the API keeps long edges as they are.
 * @param {Geometry | undefined} geometry after LongEdges has asked
 */
export const longEdgesQuery = (geometry) =>
  geometry?.type === "Polygon" && hasLongEdge(/** @type {Polygon} */ (geometry)) ? "?long_edges=keep" : "";

/**
 * The polygon with every edge taken the short way round, so its longitudes may pass ±180°.
 * @param {Polygon} polygon @returns {Polygon | null} null if it goes round a pole
 */
export function shortWay({ coordinates }) {
  const rings = coordinates.map((ring) => {
    let [longitude] = ring[0];
    return ring.map(([, latitude], index) => {
      if (index > 0) longitude += wrap(ring[index][0] - ring[index - 1][0]);
      return /** @type {Position} */ ([round(longitude), latitude]);
    });
  });
  if (!rings.every((ring) => same(ring[0], ring[ring.length - 1]))) return null;
  const turned = rings.map((ring) => {
    // Moves a hole to the same copy of the world as the outline
    const turn = 360 * Math.round((rings[0][0][0] - ring[0][0]) / 360);
    return ring.map(([longitude, latitude]) => /** @type {Position} */ ([round(longitude + turn), latitude]));
  });
  return { type: "Polygon", coordinates: turned };
}

function typedNumber(text, name) {
  const number = text.trim() === "" ? NaN : Number(text.trim().replace(",", "."));
  if (!Number.isFinite(number))
    throw new TypedError(
      name === "latitude"
        ? t("The latitude should be a number of degrees, such as 35.5138.")
        : t("The longitude should be a number of degrees, such as 24.018."),
    );
  return number;
}

/**
 * Reads degrees that are written with a decimal point or comma.
 * @param {string} longitude
 * @param {string} latitude
 * @returns {Point}
 * @throws {TypedError}
 */
export function parseDegrees(longitude, latitude) {
  if (longitude.trim() === "" || latitude.trim() === "")
    throw new TypedError(t("Both latitude and longitude are needed."));
  const coordinates = [typedNumber(longitude, "longitude"), typedNumber(latitude, "latitude")];
  return { type: "Point", coordinates: position(coordinates, MAX_LONGITUDE) };
}

/** @param {number} longitude @param {number} latitude @returns {Point} as a click or a drag on the map gives it */
export function pointAt(longitude, latitude) {
  return { type: "Point", coordinates: [wrap(longitude), round(latitude)] };
}

/** One line of GeoJSON, with a space after each comma and colon. @param {Point | Polygon} geometry */
export function format(geometry) {
  const coordinates = JSON.stringify(geometry.coordinates).replaceAll(",", ", ");
  return `{"type": "${geometry.type}", "coordinates": ${coordinates}}`;
}

/**
 * The smallest box around the positions of geometries, or null without any.
 * @param {Iterable<{coordinates: any}>} geometries
 * @returns {Box | null}
 */
export function bounds(geometries) {
  /** @type {Box} */
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  const visit = (value) => {
    if (typeof value[0] !== "number") return value.forEach(visit);
    box[0] = Math.min(box[0], value[0]);
    box[1] = Math.min(box[1], value[1]);
    box[2] = Math.max(box[2], value[0]);
    box[3] = Math.max(box[3], value[1]);
  };
  for (const { coordinates } of geometries) visit(coordinates);
  return box[0] === Infinity ? null : box;
}

const EARTH_RADIUS_M = 6_371_008.8; // mean radius, IUGG
const CIRCLE_VERTICES = 64;

/**
 * A circle on the ground as a polygon. It uses the equirectangular approximation, good for metres to kilometres. Beyond
 * a pole it is cut off.
 * @param {Position} centre @param {number} radius metres @returns {Polygon}
 */
export function circle([longitude, latitude], radius) {
  const degrees = (radius / EARTH_RADIUS_M) * (180 / Math.PI);
  const stretch = Math.max(Math.cos((latitude * Math.PI) / 180), 0.01);
  /** @returns {Position} */
  const vertex = (_, index) => {
    const angle = (index / CIRCLE_VERTICES) * 2 * Math.PI;
    const east = Math.max(-MAX_LONGITUDE, Math.min(MAX_LONGITUDE, (degrees * Math.cos(angle)) / stretch));
    const north = latitude + degrees * Math.sin(angle);
    return [longitude + east, Math.max(-MAX_LATITUDE, Math.min(MAX_LATITUDE, north))];
  };
  const vertices = Array.from({ length: CIRCLE_VERTICES }, vertex);
  return { type: "Polygon", coordinates: [[...vertices, vertices[0]]] };
}

/** @param {Position[]} ring @param {Position} position */
function windsAround(ring, [x, y]) {
  let inside = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [ax, ay] = ring[i];
    const [bx, by] = ring[j];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

/**
 * Whether a position lies in a polygon, on any copy of the world.
 * It is for display only: a position exactly on the edge may count either way. The server alone decides about alerts.
 * @param {{coordinates: Position[][]}} polygon @param {Position} position
 */
export function covers({ coordinates: [outline, ...holes] }, [longitude, latitude]) {
  if (!outline) return false;
  const at = [-360, 0, 360]
    .map((turn) => /** @type {Position} */ ([longitude + turn, latitude]))
    .find((position) => windsAround(outline, position));
  return at !== undefined && !holes.some((hole) => windsAround(hole, at));
}
