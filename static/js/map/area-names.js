/** The names of areas on the map: the text, and the position inside the area where it stands. Pure. */

import { covers } from "../base/geojson.js";

/** @typedef {import("../base/geojson.js").Position} Position */

const LONGEST = 40; // characters of a name on the map; the rest is cut
const ROWS = 9; // latitudes at which the widest stretch inside an area is looked for
/** Scripts whose letters the map library sets one after the other. All others need the browser, as an image. */
const PLAIN =
  /^[\p{P}\p{N}\p{Z}\p{Sm}\p{Sc}\p{sc=Latn}\p{sc=Grek}\p{sc=Cyrl}\p{sc=Hani}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}]*$/u;
const EMOJI = /\p{Extended_Pictographic}/u;

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** The name as the map shows it: composed letters, and not too long. @param {string} name */
export function shortName(name) {
  const text = name.normalize("NFC").replace(/\s+/gu, " ").trim();
  if (text.length <= LONGEST) return text;
  const letters = Array.from(graphemes.segment(text), ({ segment }) => segment);
  return letters.length <= LONGEST
    ? text
    : `${letters
        .slice(0, LONGEST - 1)
        .join("")
        .trimEnd()}…`;
}

/** Whether the map library can set a text, which joins and turns no letters. @param {string} text */
export const isPlain = (text) => PLAIN.test(text) && !EMOJI.test(text);

/** Where the rings cross a latitude, from west to east. */
function crossings(rings, y) {
  const found = [];
  for (const ring of rings)
    for (let i = 1; i < ring.length; i += 1) {
      const [[ax, ay], [bx, by]] = [ring[i - 1], ring[i]];
      if (ay > y !== by > y) found.push(ax + ((y - ay) / (by - ay)) * (bx - ax));
    }
  return found.sort((a, b) => a - b);
}

/**
 * A position well inside a polygon: its centre if the centre is inside, else the middle of its widest stretch.
 * @param {{coordinates: Position[][]}} polygon
 * @returns {Position}
 */
export function labelPosition(polygon) {
  const rings = polygon.coordinates;
  const [outline] = rings;
  const longitudes = outline.map(([x]) => x);
  const latitudes = outline.map(([, y]) => y);
  const [south, north] = [Math.min(...latitudes), Math.max(...latitudes)];
  /** @type {Position} */
  const centre = [(Math.min(...longitudes) + Math.max(...longitudes)) / 2, (south + north) / 2];
  if (covers(polygon, centre)) return centre;
  let widest = 0;
  let best = outline[0];
  for (let row = 1; row <= ROWS; row += 1) {
    const y = south + ((north - south) * row) / (ROWS + 1);
    const stops = crossings(rings, y);
    for (let i = 1; i < stops.length; i += 2) {
      if (stops[i] - stops[i - 1] <= widest) continue;
      widest = stops[i] - stops[i - 1];
      best = [(stops[i] + stops[i - 1]) / 2, y];
    }
  }
  return best;
}

/** The prefix of the names of images that are texts. */
export const TEXT_IMAGE = "text:";

/**
 * The point of an area that has its name. `image` names the image of a text that the map library can't set.
 * @param {import("./clusters.js").Feature} area
 * @returns {import("./clusters.js").Feature}
 */
export function nameFeature({ geometry, properties: { pk, name, muted } }) {
  const text = shortName(String(name));
  return {
    type: "Feature",
    geometry: { type: "Point", coordinates: labelPosition(geometry) },
    properties: { pk, ...(isPlain(text) ? { text } : { image: `${TEXT_IMAGE}${text}` }), ...(muted && { muted }) },
  };
}
