/** Makes the map's images of the severities' shapes, from the paths that the pages use. */

const SIZE = 24; // of the paths' own square
const MARGIN = 4; // room for the rim around the shape
const DASH = [5, 2.5]; // of the edge of an unverified report
const RATIO = 2; // image pixels per pixel of the page

export const PIXEL_RATIO = RATIO;

const paths = (code) => [...document.querySelectorAll(`#shape-${code} path`)];

function stroke(context, path, width, colour) {
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.stroke(path);
}

/**
 * @param {string} code of the severity
 * @param {import("../base/palette.js").Palette} palette
 * @param {{dashed?: boolean}} [how] dashed: hollow with a dashed edge, for an unverified report
 * @returns {ImageData} with a light rim and a dark edge, so that it stands out on land and water alike
 */
export function severityImage(code, palette, { dashed = false } = {}) {
  const side = (SIZE + 2 * MARGIN) * RATIO;
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.scale(RATIO, RATIO);
  context.translate(MARGIN, MARGIN);
  context.lineJoin = "round";
  const [outline, ...marks] = paths(code).map((element) => new Path2D(element.getAttribute("d")));
  stroke(context, outline, 6, palette["map-surface"]);
  if (dashed) {
    context.fillStyle = palette["map-surface"];
    context.fill(outline);
    context.setLineDash(DASH);
    stroke(context, outline, 3, palette[`severity-line-${code}`]);
    context.fillStyle = palette[`severity-line-${code}`];
  } else {
    stroke(context, outline, 3, palette["severity-edge"]);
    context.fillStyle = palette[`severity-${code}`];
    context.fill(outline);
    context.fillStyle = palette["severity-mark"];
  }
  for (const mark of marks) context.fill(mark);
  return context.getImageData(0, 0, side, side);
}

const HATCH_SIDE = 8; // pixels between two lines, along an edge

/**
 * Makes the pattern of muted areas: slanting lines that join at the edges.
 * @param {import("../base/palette.js").Palette} palette @returns {ImageData}
 */
export function hatchImage(palette) {
  const side = HATCH_SIDE * RATIO;
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.globalAlpha = 0.3;
  for (const shift of [-side, 0, side]) {
    const line = new Path2D(`M${shift - side} ${2 * side} L${shift + 2 * side} ${-side}`);
    stroke(context, line, RATIO, palette["map-ink"]);
  }
  return context.getImageData(0, 0, side, side);
}
