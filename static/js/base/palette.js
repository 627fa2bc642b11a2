/** Reads the colours of the style sheet for drawing by script, and reports changes between light and dark. */

const NAMES = [
  "severity-UR",
  "severity-HI",
  "severity-ME",
  "severity-LO",
  "severity-IN",
  "severity-line-UR",
  "severity-line-HI",
  "severity-line-ME",
  "severity-line-LO",
  "severity-line-IN",
  "severity-edge",
  "severity-mark",
  "map-water",
  "map-land",
  "map-border",
  "map-country",
  "map-place",
  "map-halo",
  "map-graticule",
  "map-grid",
  "map-green",
  "map-built",
  "map-building",
  "map-road",
  "map-motorway",
  "map-road-edge",
  "map-rail",
  "map-ink",
  "map-surface",
  "map-accent",
];

/**
 * @typedef {Record<string, string>} Palette hexadecimal colours by the names of the custom properties, without the
 *   dashes before them
 */

/** @returns {Palette} */
export function readPalette() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** @param {(palette: Palette) => void} listener called when the person's preference changes */
export function onPaletteChange(listener) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => listener(readPalette()));
}
