/** Meridians and parallels with their degrees, for orientation where the map has nothing else. Pure. */

const WORLD_PIXELS = 512; // width of the whole world at zoom 0
const SPACING = 140; // pixels from one line to the next, at least
const STEPS = [30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001]; // degrees
const MAX_LATITUDE = 85; // where the Mercator map ends

/** @typedef {[number, number, number, number]} Box west, south, east, north; may reach beyond ±180 */

/** @param {number} zoom @returns {number} degrees from one line to the next */
export function graticuleStep(zoom) {
  const least = (SPACING * 360) / (WORLD_PIXELS * 2 ** zoom);
  return STEPS.findLast((step) => step >= least) ?? STEPS[0];
}

const decimals = (step) => (step >= 1 ? 0 : Math.ceil(-Math.log10(step)));

/**
 * Formats degrees with their direction: "24.02° E".
 * @param {number} degrees
 * @param {[string, string]} directions positive, negative
 */
export function degreesLabel(degrees, [positive, negative], step) {
  const text = Math.abs(degrees).toFixed(decimals(step));
  if (Number(text) === 0 || Number(text) === 180) return `${Number(text)}°`;
  return `${text}° ${degrees > 0 ? positive : negative}`;
}

const wrap = (longitude) => ((((longitude + 180) % 360) + 360) % 360) - 180;

function multiples(from, to, step) {
  const [first, last] = [Math.ceil(from / step - 1e-9), Math.floor(to / step + 1e-9)];
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) =>
    Number(((first + index) * step).toFixed(6)),
  );
}

const line = (coordinates, label) => ({
  type: "Feature",
  properties: { label },
  geometry: { type: "LineString", coordinates },
});

/** The lines within a box, each with its `label`. @param {Box} box @param {number} step degrees */
export function graticule([west, south, east, north], step) {
  const [left, right] = east - west >= 360 ? [-180, 180 - step] : [west, east];
  const [bottom, top] = [Math.max(south, -MAX_LATITUDE), Math.min(north, MAX_LATITUDE)];
  const meridians = multiples(left, right, step).map((longitude) =>
    line(
      [
        [longitude, bottom],
        [longitude, top],
      ],
      degreesLabel(wrap(longitude), ["E", "W"], step),
    ),
  );
  const ends = east - west >= 360 ? [-180, 180] : [west, east];
  const parallels = multiples(bottom, top, step).map((latitude) =>
    line(
      ends.map((longitude) => [longitude, latitude]),
      degreesLabel(latitude, ["N", "S"], step),
    ),
  );
  return { type: "FeatureCollection", features: [...meridians, ...parallels] };
}

/**
 * The box enlarged by its own size on each side, so that a small move needs no new lines.
 * @param {Box} box @returns {Box}
 */
export function grown([west, south, east, north]) {
  const [width, height] = [east - west, north - south];
  return [west - width, south - height, east + width, north + height];
}

/** @param {Box} outer @param {Box} inner */
export const covers = (outer, inner) =>
  outer[0] <= inner[0] && outer[1] <= inner[1] && outer[2] >= inner[2] && outer[3] >= inner[3];
