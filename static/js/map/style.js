/** The style of the map: the basemap and Tracker's layers, their images, and a change of colours. */

import { basemap } from "./basemap.js";
import { hatchImage, PIXEL_RATIO, severityImage } from "./icons.js";
import { HATCH, iconName, trackerLayers, trackerSources, unverifiedIconName } from "./layers.js";
import { SEVERITIES } from "../base/severity.js";

/** @typedef {import("./basemap.js").MapConfig} MapConfig */
/** @typedef {import("../base/palette.js").Palette} Palette */

/** @param {MapConfig} config @param {Palette} palette @returns {object} a style of the map library */
export function mapStyle(config, palette) {
  const world = basemap(config, palette);
  return {
    ...world,
    sources: { ...world.sources, ...trackerSources() },
    layers: [...world.layers, ...trackerLayers(palette)],
  };
}

const images = (palette) => [
  ...SEVERITIES.map((severity) => [iconName(severity), severityImage(severity.code, palette)]),
  ...SEVERITIES.map((severity) => [
    unverifiedIconName(severity),
    severityImage(severity.code, palette, { dashed: true }),
  ]),
  [HATCH, hatchImage(palette)],
];

/** Adds the images to a map whose style is loaded. @param {object} map of the library @param {Palette} palette */
export function addImages(map, palette) {
  for (const [name, image] of images(palette)) map.addImage(name, image, { pixelRatio: PIXEL_RATIO });
}

/** @param {object} map of the library @param {MapConfig} config @param {Palette} palette */
export function repaint(map, config, palette) {
  for (const [name, image] of images(palette)) map.updateImage(name, image);
  for (const { id, paint = {} } of mapStyle(config, palette).layers) {
    for (const [property, value] of Object.entries(paint)) map.setPaintProperty(id, property, value);
  }
}
