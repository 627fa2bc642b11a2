/** Layers with the names of countries and populated places. Plain data. */

import { readPlaces } from "../base/places.js";
import { streetGround, streetNameLayers } from "./streets-layers.js";

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
function placeLayers({ streets }, palette) {
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
  if (!streets) return [places];
  const outside = {
    ...places,
    id: "places-outside",
    minzoom: Math.max(PLACES_ZOOM, streets.minzoom),
    filter: ["all", large, ["!", ["within", streetGround(streets).geometry]]],
  };
  return [
    ...(streets.minzoom > PLACES_ZOOM ? [{ ...places, maxzoom: streets.minzoom }] : []),
    outside,
    ...streetNameLayers(streets.schema, palette),
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
