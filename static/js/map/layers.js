/**
 * Sources and layers of the map library for Tracker's own features: areas, incidents, clusters, shapes being drawn.
 * Plain data. Incidents show their severity by colour and shape, areas by colour and the dashes of their outline.
 */

import { SEVERITIES } from "../base/severity.js";

const FONT = ["sans-serif"];

/** Where an area's name may stand, in letters from its middle: the first position without an incident is taken. */
const NAME_OFFSETS = [0, -2, 2, -4, 4, -6, 6].flatMap((down) => [0, -4, 4].map((right) => [right, down]));

/** Dashes of an area's outline, in line widths. The more severe, the more solid. */
const DASHES = { UR: [1, 0], HI: [6, 1], ME: [3, 1], LO: [2, 1.5], IN: [1, 1.5] };

const bySeverityName = (value) => {
  const least = SEVERITIES[SEVERITIES.length - 1];
  return [
    "match",
    ["get", "severity"],
    ...SEVERITIES.slice(0, -1).flatMap((each) => [each.name, value(each)]),
    value(least),
  ];
};

const byRank = (property, value) => {
  const least = SEVERITIES[SEVERITIES.length - 1];
  return [
    "match",
    ["get", property],
    ...SEVERITIES.slice(0, -1).flatMap((each) => [each.rank, value(each)]),
    value(least),
  ];
};

const EMPTY = { type: "FeatureCollection", features: [] };

/** The name of the pattern of muted areas. */
export const HATCH = "hatch";

/** The name of the icon of a severity. @param {{code: string}} severity */
export const iconName = ({ code }) => `severity-${code}`;

/** The name of the icon of an unverified report. @param {{code: string}} severity */
export const unverifiedIconName = ({ code }) => `unverified-${code}`;

export function trackerSources() {
  return {
    areas: { type: "geojson", data: EMPTY, promoteId: "pk" },
    "area-names": { type: "geojson", data: EMPTY, promoteId: "pk" },
    incidents: { type: "geojson", data: EMPTY, promoteId: "pk" },
    outline: { type: "geojson", data: EMPTY },
  };
}

function areaLayers(palette) {
  const colour = bySeverityName(({ code }) => palette[`severity-line-${code}`]);
  return [
    { id: "area-fill", type: "fill", source: "areas", paint: { "fill-color": colour, "fill-opacity": 0.04 } },
    { id: "area-muted", type: "fill", source: "areas", filter: ["has", "muted"], paint: { "fill-pattern": HATCH } },
    {
      id: "area-line",
      type: "line",
      source: "areas",
      layout: { "line-join": "round" },
      paint: {
        "line-color": colour,
        "line-width": ["interpolate", ["linear"], ["zoom"], 1, 1.2, 8, 2.5],
        "line-opacity": ["case", ["has", "muted"], 0.55, 1],
        "line-dasharray": bySeverityName(({ code }) => ["literal", DASHES[code]]),
      },
    },
  ];
}

/** Names give way to incidents and clusters, which the map library places first because they lie above. */
function areaNameLayer(palette) {
  return {
    id: "area-names",
    type: "symbol",
    source: "area-names",
    minzoom: 6,
    layout: {
      "text-field": [
        "case",
        ["has", "image"],
        ["format", ["image", ["get", "image"]]],
        ["coalesce", ["get", "text"], ""],
      ],
      "text-font": FONT,
      "text-size": ["interpolate", ["linear"], ["zoom"], 6, 11, 14, 14],
      "text-max-width": 9,
      "text-padding": 3,
      "text-variable-anchor-offset": NAME_OFFSETS.flatMap((offset) => ["center", offset]),
    },
    paint: {
      "text-color": palette["map-ink"],
      "text-opacity": ["case", ["has", "muted"], 0.65, 1],
      "text-halo-color": palette["map-halo"],
      "text-halo-width": 1.75,
    },
  };
}

function clusterLayers(palette) {
  return [
    {
      id: "clusters",
      type: "circle",
      source: "incidents",
      filter: ["has", "count"],
      paint: {
        "circle-color": palette["map-surface"],
        "circle-radius": ["step", ["get", "count"], 17, 100, 21, 1000, 25, 10000, 29],
        "circle-stroke-width": 3,
        "circle-stroke-color": byRank("worst", ({ code }) => palette[`severity-line-${code}`]),
      },
    },
    {
      id: "cluster-counts",
      type: "symbol",
      source: "incidents",
      filter: ["has", "count"],
      layout: {
        "icon-image": byRank("worst", iconName),
        "icon-size": 0.55,
        "icon-offset": [0, -15],
        "icon-allow-overlap": true,
        "text-field": ["get", "abbreviated"],
        "text-font": FONT,
        "text-size": 13,
        "text-offset": [0, 0.35],
        "text-allow-overlap": true,
      },
      paint: { "text-color": palette["map-ink"] },
    },
  ];
}

function incidentLayer() {
  return {
    id: "incidents",
    type: "symbol",
    source: "incidents",
    filter: ["!", ["has", "count"]],
    layout: {
      "icon-image": ["case", ["has", "unverified"], bySeverityName(unverifiedIconName), bySeverityName(iconName)],
      "icon-size": ["interpolate", ["linear"], ["zoom"], 2, 0.8, 10, 1],
      "icon-allow-overlap": true,
      "icon-padding": 0,
      "symbol-sort-key": bySeverityName(({ rank }) => rank),
    },
    paint: { "icon-opacity": ["case", ["has", "closed"], 0.45, 1] },
  };
}

/** @param {import("../base/palette.js").Palette} palette */
export function trackerLayers(palette) {
  return [
    ...areaLayers(palette),
    {
      id: "outline-fill",
      type: "fill",
      source: "outline",
      filter: ["!", ["has", "other"]],
      paint: { "fill-color": palette["map-accent"], "fill-opacity": 0.12 },
    },
    {
      id: "outline-line",
      type: "line",
      source: "outline",
      filter: ["!", ["has", "other"]],
      paint: { "line-color": palette["map-accent"], "line-width": 2 },
    },
    {
      id: "outline-other",
      type: "line",
      source: "outline",
      filter: ["has", "other"],
      paint: { "line-color": palette["map-accent"], "line-width": 1.5, "line-dasharray": [2, 3] },
    },
    areaNameLayer(palette),
    ...clusterLayers(palette),
    incidentLayer(),
  ];
}
