/**
 * Draws texts as images of the map. The map library sets letters one after the other, and so can't write Arabic, Hindi
 * or emoji; the browser can.
 */

import { TEXT_IMAGE } from "./area-names.js";
import { PIXEL_RATIO } from "./icons.js";
import { readPalette } from "../base/palette.js";

const SIZE = 13; // pixels of the letters
const LINE = 17;
const HALO = 3;
const WIDEST = 140; // pixels of a line
const MOST_LINES = 3;
const MOST_IMAGES = 300; // of all kinds of texts; the oldest goes

/** @param {CanvasRenderingContext2D} context @returns {string[]} the lines of a text */
function lines(context, text) {
  const words = Array.from(
    new Intl.Segmenter(undefined, { granularity: "word" }).segment(text),
    (each) => each.segment,
  );
  const found = [""];
  for (const word of words) {
    const longer = found[found.length - 1] + word;
    if (context.measureText(longer).width <= WIDEST || found.length === MOST_LINES) found[found.length - 1] = longer;
    else found.push(word.trimStart());
  }
  return found.map((line) => line.trim()).filter(Boolean);
}

/** @param {string} text @param {import("../base/palette.js").Palette} palette @returns {ImageData} */
function draw(text, palette) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const font = `600 ${SIZE}px sans-serif`;
  context.font = font;
  const all = lines(context, text);
  const width = Math.ceil(Math.max(1, ...all.map((line) => context.measureText(line).width))) + 2 * HALO;
  const height = all.length * LINE + 2 * HALO;
  Object.assign(canvas, { width: width * PIXEL_RATIO, height: height * PIXEL_RATIO }); // this clears the font, too
  context.scale(PIXEL_RATIO, PIXEL_RATIO);
  Object.assign(context, { font, textAlign: "center", textBaseline: "middle", lineJoin: "round", lineWidth: HALO });
  context.strokeStyle = palette["map-halo"];
  context.fillStyle = palette["map-ink"];
  for (const [index, line] of all.entries()) {
    const y = HALO + LINE * (index + 0.5);
    context.strokeText(line, width / 2, y);
    context.fillText(line, width / 2, y);
  }
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** Draws each text when the map needs its image. @param {object} map of the library */
export function drawTexts(map) {
  const drawn = new Set();
  map.setMissingStyleImageResolver((id) => {
    if (!id.startsWith(TEXT_IMAGE) || map.hasImage(id)) return;
    if (drawn.size >= MOST_IMAGES) {
      const [oldest] = drawn;
      drawn.delete(oldest);
      map.removeImage(oldest);
    }
    drawn.add(id);
    map.addImage(id, draw(id.slice(TEXT_IMAGE.length), readPalette()), { pixelRatio: PIXEL_RATIO });
  });
  return {
    /** Draws all again in other colours. @param {import("../base/palette.js").Palette} palette */
    repaint(palette) {
      for (const id of drawn) map.updateImage(id, draw(id.slice(TEXT_IMAGE.length), palette));
    },
  };
}
