/**
 * The world under the incidents, as a style for the map library. Plain data: nothing here draws.
 * Land, borders and names come from the package in frontend/; raster tiles only if the operator has set them.
 */

/** @typedef {{tiles: string | null, tilesAttribution: string, vendor: string}} MapConfig */

const FONT = ["sans-serif"]; // drawn by the browser: no glyph server is asked
const WORLD_ATTRIBUTION = "Natural Earth | © GeoNames (CC BY 4.0)";
const GRATICULE_DEGREES = 10;
const GRATICULE_LATITUDE = 80; // beyond it the lines run together
const TILE_SIZE = 256;

const line = (coordinates) => ({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates } });

/** Meridians and parallels: something to hold on to where there is only sea. */
export function graticule() {
  const features = [];
  for (let longitude = -180; longitude < 180; longitude += GRATICULE_DEGREES) {
    features.push(line([[longitude, -GRATICULE_LATITUDE], [longitude, GRATICULE_LATITUDE]]));
  }
  for (let latitude = -GRATICULE_LATITUDE; latitude <= GRATICULE_LATITUDE; latitude += GRATICULE_DEGREES) {
    features.push(line([[-180, latitude], [180, latitude]]));
  }
  return { type: "FeatureCollection", features };
}

/** @param {{places: any[][]}} file places.json of the package */
export function placesToFeatures({ places }) {
  const features = places.map(([name, , longitude, latitude, population, capital]) => ({
    type: "Feature",
    geometry: { type: "Point", coordinates: [longitude, latitude] },
    properties: { name, population, capital },
  }));
  return { type: "FeatureCollection", features };
}

/** The fewest people of a place that is named, by zoom: about as many names on the screen at each. */
const FEWEST_PEOPLE = ["step", ["zoom"], 8e6, 3, 4e6, 4, 15e5, 5, 5e5, 6, 2e5, 7, 1e5, 8, 4e4, 9, 0];

const label = (id, source, colour, palette, layout) => ({
  id,
  type: "symbol",
  source,
  layout: { "text-field": ["get", "name"], "text-font": FONT, "text-padding": 4, ...layout },
  paint: { "text-color": palette[colour], "text-halo-color": palette["map-halo"], "text-halo-width": 1.5 },
});

function worldLayers(palette) {
  return [
    { id: "land", type: "fill", source: "land", paint: { "fill-color": palette["map-land"], "fill-antialias": false } },
    { id: "borders", type: "line", source: "borders", paint: { "line-color": palette["map-border"], "line-width": ["interpolate", ["linear"], ["zoom"], 1, 0.5, 6, 1.2] } },
  ];
}

function nameLayers(palette) {
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
    {
      ...label("places", "places", "map-place", palette, {
        "text-size": ["interpolate", ["linear"], ["zoom"], 3, 10.5, 9, 13.5],
        "symbol-sort-key": ["-", 0, ["get", "population"]],
      }),
      filter: [">=", ["get", "population"], FEWEST_PEOPLE],
      minzoom: 3,
    },
  ];
}

function tileLayers(config) {
  return config.tiles ? [{ id: "tiles", type: "raster", source: "tiles" }] : [];
}

/**
 * @param {MapConfig} config
 * @param {import("./palette.js").Palette} palette
 */
export function basemap(config, palette) {
  const geojson = (data) => ({ type: "geojson", data });
  const file = (name) => geojson(new URL(config.vendor + name, location.href).href);
  const sources = {
    land: { ...file("land.json"), attribution: WORLD_ATTRIBUTION },
    borders: file("borders.json"),
    graticule: geojson(graticule()),
    countries: file("countries.json"),
    places: geojson({ type: "FeatureCollection", features: [] }),
  };
  if (config.tiles) sources.tiles = { type: "raster", tiles: [config.tiles], tileSize: TILE_SIZE, attribution: config.tilesAttribution };
  const layers = [
    { id: "water", type: "background", paint: { "background-color": palette["map-water"] } },
    { id: "graticule", type: "line", source: "graticule", paint: { "line-color": palette["map-graticule"], "line-width": 0.75 } },
    ...worldLayers(palette),
    ...tileLayers(config),
    ...(config.tiles ? [] : nameLayers(palette)),
  ];
  return { version: 8, sources, layers };
}
