/**
 * The basemap under the incidents, as a style for the map library. Plain data: nothing here draws.
 * Land, borders and names come from the package in frontend/. There are raster tiles only if the operator has set them.
 */

import { nameLayers } from "./basemap-names.js";
import { sourceName, streetGround, streetLayers } from "./streets-layers.js";

/**
 * @typedef {object} MapConfig
 * @property {string | null} tiles URL template of raster tiles
 * @property {string} tilesAttribution
 * @property {string[] | null} pmtiles addresses of archives
 * @property {string | null} [streetsHelp] where an admin can add streets; null for others
 * @property {string} vendor
 * @property {import("./streets.js").Streets[]} [streets] the archives that are open, the largest first
 */

export const DETAIL_ZOOM = 5; // from this zoom on the coast is drawn at 1:10 million, below at 1:50 million
const COAST_OPACITY = ["interpolate", ["linear"], ["zoom"], 9.5, 1, 12.5, 0.4];
const FONT = ["sans-serif"]; // a font of the browser, so no glyph server is asked
const WORLD_ATTRIBUTION = "Natural Earth | © GeoNames (CC BY 4.0)";
// Up to this zoom the graticule lies under the land. Closer, land may fill the screen, so it lies over it
const OVERVIEW = 6;
const TILE_SIZE = 256;

function worldLayers(palette) {
  const land = (id, rest) => ({
    id,
    type: "fill",
    source: id,
    // The coast is true to a kilometre only: it fades where that is seen
    paint: { "fill-color": palette["map-land"], "fill-antialias": false, "fill-opacity": COAST_OPACITY },
    ...rest,
  });
  const borders = (id, rest) => ({
    id,
    type: "line",
    source: id,
    paint: {
      "line-color": palette["map-border"],
      "line-width": ["interpolate", ["linear"], ["zoom"], 1, 0.5, 6, 1.2, 12, 2],
    },
    ...rest,
  });
  const detail = { minzoom: DETAIL_ZOOM };
  return [land("land"), land("land-detail", detail), borders("borders"), borders("borders-detail", detail)];
}

const graticuleLine = (id, colour, palette, rest) => ({
  id,
  type: "line",
  source: "graticule",
  paint: { "line-color": palette[colour], "line-width": 0.75 },
  ...rest,
});

/** The graticule over the land, with degrees on its lines: they give the position where the map has nothing else. */
function gridLayers(palette) {
  return [
    graticuleLine("graticule-near", "map-grid", palette, { minzoom: OVERVIEW }),
    {
      id: "graticule-degrees",
      type: "symbol",
      source: "graticule",
      minzoom: OVERVIEW + 1,
      layout: {
        "symbol-placement": "line",
        "symbol-spacing": 320,
        "text-field": ["get", "label"],
        "text-font": FONT,
        "text-size": 10.5,
        "text-offset": [0, -0.7],
      },
      paint: { "text-color": palette["map-country"] },
    },
  ];
}

/** @param {MapConfig} config */
function streetsUnderNames({ streets = [] }, palette) {
  return streets.flatMap(({ minzoom, schema }, index) => [
    {
      id: `${sourceName(index)}-ground`,
      type: "fill",
      source: `${sourceName(index)}-ground`,
      minzoom,
      paint: { "fill-color": palette["map-land"], "fill-antialias": false },
    },
    ...streetLayers(schema, palette, sourceName(index)),
  ]);
}

function tileLayers(config) {
  return config.tiles ? [{ id: "tiles", type: "raster", source: "tiles" }] : [];
}

/**
 * The style of the basemap. Its sources of the world are empty until world.js fills them.
 * @param {MapConfig} config
 * @param {import("../base/palette.js").Palette} palette
 */
export function basemap(config, palette) {
  const { tiles, tilesAttribution, streets = [] } = config;
  const geojson = (data, rest = {}) => ({ type: "geojson", data, ...rest });
  const empty = (rest) => geojson({ type: "FeatureCollection", features: [] }, rest);
  const sources = {
    land: empty({ maxzoom: 6, attribution: WORLD_ATTRIBUTION }),
    borders: empty({ maxzoom: 6 }),
    // The library shows the credits of what is in view, each once
    "land-detail": empty({ maxzoom: 10, attribution: WORLD_ATTRIBUTION }),
    "borders-detail": empty({ maxzoom: 10 }),
    graticule: empty(),
  };
  if (tiles) sources.tiles = { type: "raster", tiles: [tiles], tileSize: TILE_SIZE, attribution: tilesAttribution };
  else Object.assign(sources, { countries: empty(), places: empty() });
  for (const [index, each] of streets.entries()) {
    const { tiles: template, minzoom, maxzoom, bounds, credits } = each;
    const name = sourceName(index);
    sources[name] = { type: "vector", tiles: [template], minzoom, maxzoom, bounds, attribution: credits };
    sources[`${name}-ground`] = geojson(streetGround(each));
  }
  const layers = [
    { id: "water", type: "background", paint: { "background-color": palette["map-water"] } },
    graticuleLine("graticule", "map-graticule", palette, { maxzoom: OVERVIEW }),
    ...worldLayers(palette),
    ...gridLayers(palette),
    ...tileLayers(config),
    ...streetsUnderNames(config, palette),
    ...(tiles ? [] : nameLayers(config, palette)),
  ];
  return { version: 8, sources, layers };
}
