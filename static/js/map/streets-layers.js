/**
 * Layers for the vector tiles of an operator's archive, in either schema. Plain data. The colours are quiet, so that
 * the incidents stand out.
 */

import { SCHEMAS } from "./streets-schemas.js";

const FONT = ["sans-serif"];
const POLYGON = ["match", ["geometry-type"], ["Polygon", "MultiPolygon"], true, false];
const LINE = ["match", ["geometry-type"], ["LineString", "MultiLineString"], true, false];
const NAME = ["coalesce", ["get", "name"], ["get", "name:en"], ""];

/** Width in pixels by zoom, for each class of road. A class is drawn from its first zoom on. */
const WIDTHS = {
  motorway: [5, 0.6, 10, 2, 14, 6, 18, 28],
  major: [8, 0.5, 11, 1.5, 14, 4.5, 18, 22],
  minor: [12, 0.5, 14, 2, 18, 14],
  path: [14, 0.7, 18, 2.5],
};

const among = (schema, kinds) => ["match", schema.kind, kinds, true, false];
const width = (stops, more = 0) => [
  "interpolate",
  ["exponential", 1.5],
  ["zoom"],
  ...stops.map((stop, index) => (index % 2 ? stop + more : stop)),
];
/** Makes the layers of one source. */
const layerOf = (source) => (id, type, from, rest) => ({
  id: `${source}-${id}`,
  type,
  source,
  "source-layer": from,
  ...rest,
});

/** The name of the source of an archive, which begins the names of its layers. @param {number} index */
export const sourceName = (index) => (index === 0 ? "streets" : `streets-${index + 1}`);

function fillLayers(schema, palette, layer) {
  return schema.fills.map(([from, colour, kinds, minzoom], index) =>
    layer(`${from}-${index}`, "fill", from, {
      filter: kinds ? ["all", POLYGON, among(schema, kinds)] : POLYGON,
      minzoom,
      paint: { "fill-color": palette[colour], "fill-antialias": false },
    }),
  );
}

function roadLayers(schema, palette, layer) {
  const ranks = Object.keys(WIDTHS).reverse(); // motorways on top
  const road = (rank, part, paint) =>
    layer(`${part}-${rank}`, "line", schema.roads, {
      filter: ["all", LINE, among(schema, schema.roadKinds[rank])],
      minzoom: WIDTHS[rank][0],
      layout: { "line-cap": rank === "path" ? "butt" : "round", "line-join": "round" },
      paint,
    });
  return [
    ...ranks
      .filter((rank) => rank !== "path")
      .map((rank) =>
        road(rank, "edge", { "line-color": palette["map-road-edge"], "line-width": width(WIDTHS[rank], 1.5) }),
      ),
    ...ranks.map((rank) =>
      road(rank, "road", {
        "line-color": palette[{ motorway: "map-motorway", path: "map-road-edge" }[rank] ?? "map-road"],
        "line-width": width(WIDTHS[rank]),
        ...(rank === "path" ? { "line-dasharray": [3, 1.5] } : {}),
      }),
    ),
    layer("rail", "line", schema.roads, {
      filter: ["all", LINE, among(schema, schema.roadKinds.rail)],
      minzoom: 10,
      paint: {
        "line-color": palette["map-rail"],
        "line-width": width([10, 0.5, 14, 1.2, 18, 3]),
        "line-dasharray": [4, 2],
      },
    }),
  ];
}

/**
 * The land within the archive's bounds. The archive's water is painted over it, more exactly than the world's coast.
 * @param {import("./streets.js").Streets} streets
 */
export function streetGround({ bounds: [west, south, east, north] }) {
  const ring = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ];
  return { type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } };
}

/**
 * All layers but the names.
 * @param {string} name of the schema @param {import("../base/palette.js").Palette} palette @param {string} source
 */
export function streetLayers(name, palette, source) {
  const schema = SCHEMAS[name];
  const layer = layerOf(source);
  return [
    ...fillLayers(schema, palette, layer),
    layer("rivers", "line", schema.rivers, {
      filter: LINE,
      minzoom: 8,
      paint: { "line-color": palette["map-water"], "line-width": width([8, 0.6, 14, 2, 18, 8]) },
    }),
    ...roadLayers(schema, palette, layer),
    layer("borders", "line", schema.borders, {
      filter: LINE,
      paint: { "line-color": palette["map-border"], "line-width": width([1, 0.5, 10, 1.5]) },
    }),
  ];
}

/**
 * Names of streets and places.
 * @param {string} name of the schema
 * @param {import("../base/palette.js").Palette} palette
 * @param {string} source
 */
export function streetNameLayers(name, palette, source) {
  const schema = SCHEMAS[name];
  const layer = layerOf(source);
  const paint = (colour) => ({
    "text-color": palette[colour],
    "text-halo-color": palette["map-halo"],
    "text-halo-width": 1.5,
  });
  const text = { "text-field": NAME, "text-font": FONT };
  const size = { large: [4, 11, 10, 16, 15, 20], small: [8, 10.5, 14, 14], quarter: [12, 10.5, 16, 13] };
  const places = Object.entries(schema.placeKinds)
    .filter(([, kinds]) => kinds.length > 0)
    .map(([rank, kinds]) =>
      layer(`places-${rank}`, "symbol", schema.places, {
        filter: among(schema, kinds),
        minzoom: size[rank][0],
        layout: {
          ...text,
          "text-size": ["interpolate", ["linear"], ["zoom"], ...size[rank]],
          "text-max-width": 8,
          "symbol-sort-key": [
            "coalesce",
            ["get", "rank"],
            ["-", 0, ["coalesce", ["get", "population_rank"], ["get", "pmap:population_rank"], 0]],
          ],
        },
        paint: paint(rank === "quarter" ? "map-country" : "map-place"),
      }),
    );
  return [
    layer("road-names", "symbol", schema.roadNames, {
      filter: ["all", LINE, ["has", "name"]],
      minzoom: 13,
      layout: {
        ...text,
        "symbol-placement": "line",
        "text-size": ["interpolate", ["linear"], ["zoom"], 13, 10.5, 17, 13],
        "text-padding": 8,
      },
      paint: paint("map-country"),
    }),
    ...places.reverse(), // the map library places the last layer first
  ];
}
