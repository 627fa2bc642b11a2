/** Layers with the names of countries and populated places. Plain data. */

import { readPlaces } from "../base/places.js";
import { sourceName, streetGround, streetNameLayers } from "./streets-layers.js";

export const PLACES_ZOOM = 3; // from this zoom on places are named, below it only countries
const FONT = ["sans-serif"]; // a font of the browser, so no glyph server is asked

/** @param {any} file places.json of the package */
export function placesToFeatures(file) {
  const features = readPlaces(file).map(({ name, position, population, capital }) => ({
    type: "Feature",
    geometry: { type: "Point", coordinates: position },
    properties: { name, population, capital },
  }));
  return { type: "FeatureCollection", features };
}

/** The population from which a place is named, by zoom. It keeps the number of names on the screen about the same. */
const FEWEST_PEOPLE = ["step", ["zoom"], 8e6, 3, 4e6, 4, 15e5, 5, 5e5, 6, 2e5, 7, 7e4, 8, 2e4, 9, 0];

const label = (id, source, colour, palette, layout) => ({
  id,
  type: "symbol",
  source,
  layout: { "text-field": ["get", "name"], "text-font": FONT, "text-padding": 4, ...layout },
  paint: { "text-color": palette[colour], "text-halo-color": palette["map-halo"], "text-halo-width": 1.5 },
});

/**
 * The layers of place names. Where the archive has names of its own, the world's are left out from its lowest zoom on.
 * @param {import("./basemap.js").MapConfig} config
 */
function placeLayers({ streets = [] }, palette) {
  const large = [">=", ["get", "population"], FEWEST_PEOPLE];
  const places = {
    ...label("places", "places", "map-place", palette, {
      "text-size": ["interpolate", ["linear"], ["zoom"], 3, 10.5, 9, 13.5],
      // An incident at the place moves the name aside
      "text-variable-anchor": ["center", "top", "bottom", "left", "right"],
      "text-radial-offset": 1.1,
      "symbol-sort-key": ["-", 0, ["get", "population"]],
    }),
    filter: large,
    minzoom: PLACES_ZOOM,
  };
  if (streets.length === 0) return [places];
  // From the lowest zoom of each archive on, the world's names within it are left out
  const stops = [...new Set(streets.map(({ minzoom }) => Math.max(PLACES_ZOOM, minzoom)))].sort((a, b) => a - b);
  const outside = stops.map((minzoom, index) => ({
    ...places,
    id: index === 0 ? "places-outside" : `places-outside-${index + 1}`,
    minzoom,
    ...(index + 1 < stops.length && { maxzoom: stops[index + 1] }),
    filter: [
      "all",
      large,
      ...streets
        .filter((each) => each.minzoom <= minzoom)
        .map((each) => ["!", ["within", streetGround(each).geometry]]),
    ],
  }));
  return [
    ...(stops[0] > PLACES_ZOOM ? [{ ...places, maxzoom: stops[0] }] : []),
    ...outside,
    ...streets.flatMap(({ schema }, index) => streetNameLayers(schema, palette, sourceName(index))),
  ];
}

/** @param {import("./basemap.js").MapConfig} config @param {import("../base/palette.js").Palette} palette */
export function nameLayers(config, palette) {
  return [
    {
      ...label("countries", "countries", "map-country", palette, {
        "text-size": ["interpolate", ["linear"], ["zoom"], 2, 11, 6, 15],
        "text-letter-spacing": 0.08,
        "text-max-width": 7,
        "symbol-sort-key": ["-", 0, ["get", "area"]],
      }),
      filter: [">=", ["zoom"], ["get", "minzoom"]],
      maxzoom: 7.5,
    },
    ...placeLayers(config, palette),
  ];
}
