/** Finds incidents and areas by words of their names, or by their number. Pure. */

import { fold, foldedWords } from "../base/folding.js";

/** @typedef {import("./messages.js").Feature} Feature */

const NUMBER = /^#?(\d{1,15})$/;

/**
 * The features whose names have all words of the text, or whose number it is. First come those that begin with it,
 * then the newest.
 * @param {Iterable<Feature>} features
 * @param {string} text
 * @param {number} limit
 * @returns {Feature[]}
 */
export function named(features, text, limit) {
  const words = foldedWords(text);
  if (words.length === 0) return [];
  const start = words.join(" ");
  const number = Number(NUMBER.exec(text.trim())?.[1]);
  const found = [];
  for (const feature of features) {
    const name = fold(feature.properties.name);
    if (feature.properties.pk === number) found.push({ feature, first: 2 });
    else if (words.every((word) => name.includes(word))) found.push({ feature, first: name.startsWith(start) ? 1 : 0 });
  }
  return found
    .sort((a, b) => b.first - a.first || b.feature.properties.pk - a.feature.properties.pk)
    .slice(0, limit)
    .map(({ feature }) => feature);
}
