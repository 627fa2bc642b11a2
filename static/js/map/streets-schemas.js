/**
 * The two schemas of vector tile archives, OpenMapTiles and Protomaps: their layers and kinds of features. Plain data.
 */

/**
 * @typedef {object} Schema
 * @property {string} sign a layer that only this schema has
 * @property {any[]} kind what a feature is
 * @property {[string, string, string[] | null, number][]} fills layer, colour, kinds (null: all), from which zoom;
 *   lowest first
 * @property {string} rivers
 * @property {string} borders
 * @property {string} roads
 * @property {string} roadNames
 * @property {string} places
 * @property {Record<string, string[]>} roadKinds by rank
 * @property {{large: string[], small: string[], quarter: string[]}} placeKinds
 */

/** @type {Record<string, Schema>} */
export const SCHEMAS = {
  openmaptiles: {
    sign: "transportation",
    kind: ["get", "class"],
    fills: [
      ["landcover", "map-green", ["wood", "grass", "wetland"], 0],
      [
        "landuse",
        "map-built",
        [
          "residential",
          "suburb",
          "quarter",
          "neighbourhood",
          "commercial",
          "industrial",
          "retail",
          "school",
          "university",
          "hospital",
        ],
        0,
      ],
      ["landuse", "map-green", ["cemetery", "pitch", "playground", "stadium", "park", "garden"], 0],
      ["park", "map-green", null, 0],
      ["water", "map-water", null, 0],
      ["building", "map-building", null, 13],
    ],
    rivers: "waterway",
    borders: "boundary",
    roads: "transportation",
    roadNames: "transportation_name",
    places: "place",
    roadKinds: {
      motorway: ["motorway", "trunk"],
      major: ["primary", "secondary", "tertiary"],
      minor: ["minor", "service", "busway", "raceway"],
      path: ["path", "track"],
      rail: ["rail", "transit"],
    },
    placeKinds: {
      large: ["city"],
      small: ["town", "village", "hamlet", "island"],
      quarter: ["suburb", "quarter", "neighbourhood", "isolated_dwelling"],
    },
  },
  protomaps: {
    sign: "earth",
    kind: ["coalesce", ["get", "kind"], ["get", "pmap:kind"]],
    fills: [
      ["earth", "map-land", null, 0],
      ["landcover", "map-green", ["forest", "grassland", "scrub"], 0],
      [
        "landuse",
        "map-built",
        [
          "residential",
          "commercial",
          "industrial",
          "retail",
          "school",
          "university",
          "college",
          "hospital",
          "urban_area",
          "aerodrome",
          "railway",
        ],
        0,
      ],
      [
        "landuse",
        "map-green",
        [
          "park",
          "forest",
          "wood",
          "grass",
          "grassland",
          "meadow",
          "scrub",
          "garden",
          "golf_course",
          "cemetery",
          "pitch",
          "playground",
          "nature_reserve",
          "national_park",
          "recreation_ground",
          "village_green",
          "orchard",
          "allotments",
        ],
        0,
      ],
      ["water", "map-water", null, 0],
      ["buildings", "map-building", null, 13],
    ],
    rivers: "water",
    borders: "boundaries",
    roads: "roads",
    roadNames: "roads",
    places: "places",
    roadKinds: {
      motorway: ["highway"],
      major: ["major_road", "medium_road"],
      minor: ["minor_road", "other"],
      path: ["path"],
      rail: ["rail"],
    },
    placeKinds: { large: ["locality"], small: [], quarter: ["neighbourhood", "macrohood"] },
  },
};

/** @param {string[]} names of the layers in an archive @returns {string | null} the schema that they belong to */
export const schemaOf = (names) => Object.keys(SCHEMAS).find((schema) => names.includes(SCHEMAS[schema].sign)) ?? null;
