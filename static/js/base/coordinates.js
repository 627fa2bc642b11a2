/**
 * Reads a position that a person types in one field, in degrees or with minutes and seconds. Latitude comes first if no
 * letter says otherwise. Pure.
 */

import { pointAt } from "./geojson.js";

/** @typedef {import("./geojson.js").Point} Point */

const SYMBOLS = [
  [/[°º˚]/g, "°"],
  [/[′’‘`´]/g, "'"],
  [/[″”“]|''/g, '"'],
  [/[−–]/g, "-"], // minus sign and dash
];
const NUMBER = String.raw`[+-]?\d+(?:\.\d+)?`;
const SIGNS = ["°", "'", '"'];
const PART = new RegExp(String.raw`(?<number>${NUMBER})\s*(?<sign>[°'"]?)|(?<letter>[NSEW])`, "gi");
const ONLY = /^[-+\d.°'"NSEW,;\s]+$/i;
const LONGEST = 100; // characters
const LIMIT = { latitude: 90, longitude: 180 };
const AXES = { N: "latitude", S: "latitude", E: "longitude", W: "longitude" };

/** The text with one spelling for each symbol, and decimal points in place of decimal commas. */
function tidied(text) {
  let tidy = text
    .trim()
    .replace(/^geo:/i, "")
    .replace(/^\((.*)\)$/s, "$1");
  for (const [pattern, symbol] of SYMBOLS) tidy = tidy.replace(/** @type {RegExp} */ (pattern), String(symbol));
  // "35,34 25,13" and "35,34; 25,13": commas within numbers, and something else between them
  const decimalCommas = /\d,\d+[°'"NSEW\s]*(?:[;\s]|,\s|(?<=[°'"NSEW\s]),)\s*[NSEW]?\s*[+-]?\d+,\d/i;
  return decimalCommas.test(tidy) && !/\d\.\d/.test(tidy) ? tidy.replace(/(\d),(\d)/g, "$1.$2") : tidy;
}

/** @returns {{numbers: number[], signs: string[], letter: string}[] | null} the two halves of a position */
function halves(text) {
  const separated = text.split(/[,;]/).filter((part) => part.trim() !== "");
  if (separated.length === 2) return separated.map(half).every(Boolean) ? separated.map(half) : null;
  if (separated.length !== 1) return null;
  const letters = [...text.matchAll(/[NSEW]/gi)];
  if (letters.length === 2) {
    const first = text.trimStart().search(/[NSEW]/i) === 0;
    const at = first ? letters[1].index : letters[0].index + 1;
    return both(text.slice(0, at), text.slice(at));
  }
  const numbers = [...text.matchAll(new RegExp(String.raw`${NUMBER}\s*[°'"]?`, "g"))];
  if (letters.length > 0 || numbers.length % 2) return null;
  const middle = numbers[numbers.length / 2];
  return middle ? both(text.slice(0, middle.index), text.slice(middle.index)) : null;
}

function both(one, other) {
  const found = [half(one), half(other)];
  return found.every(Boolean) ? found : null;
}

/** Reads one half: one to three numbers, perhaps with signs and a letter. */
function half(text) {
  const found = { numbers: [], signs: [], letter: "" };
  const trimmed = text.trim();
  let end = 0;
  for (const match of trimmed.matchAll(PART)) {
    if (/\S/.test(trimmed.slice(end, match.index))) return null;
    end = match.index + match[0].length;
    const { number, sign, letter } = match.groups;
    if (letter && found.letter) return null;
    if (letter) found.letter = letter.toUpperCase();
    else {
      found.numbers.push(Number(number));
      found.signs.push(sign);
    }
  }
  const isWhole = end === trimmed.length && found.numbers.length >= 1 && found.numbers.length <= 3;
  const inOrder = found.signs.every((sign, index) => sign === "" || sign === SIGNS[index]);
  return isWhole && inOrder ? found : null;
}

function degrees({ numbers, letter }, axis) {
  const [whole, minutes = 0, seconds = 0] = numbers;
  const isNegative = whole < 0 || Object.is(whole, -0);
  if (minutes < 0 || seconds < 0 || minutes >= 60 || seconds >= 60 || (isNegative && letter)) return null;
  if (numbers.slice(0, -1).some((number) => !Number.isInteger(number))) return null; // only the last has decimals
  const size = Math.abs(whole) + minutes / 60 + seconds / 3600;
  if (size > LIMIT[axis]) return null;
  return isNegative || letter === "S" || letter === "W" ? -size : size;
}

/**
 * Returns the position that a text says, or null if it says none: "35.34, 25.13", "35°20'24\"N 25°7'48\"E",
 * "N 35 20.4 E 25 7.8", "35,34 25,13".
 * @param {string} text
 * @returns {Point | null}
 */
export function parseCoordinates(text) {
  if (text.length > LONGEST) return null;
  const tidy = tidied(text);
  if (!ONLY.test(tidy)) return null;
  const found = halves(tidy);
  if (!found) return null;
  const axes = found.map(({ letter }, index) => AXES[letter] ?? (index === 0 ? "latitude" : "longitude"));
  if (axes[0] === axes[1]) return null;
  const values = Object.fromEntries(found.map((each, index) => [axes[index], degrees(each, axes[index])]));
  if (values.latitude === null || values.longitude === null) return null;
  return pointAt(values.longitude, values.latitude);
}

const side = (value, [positive, negative]) => `${Math.abs(value).toFixed(5)}° ${value < 0 ? negative : positive}`;

/** A position in words: "35.34000° N, 25.13000° E". @param {import("./geojson.js").Position} position */
export const coordinateWords = ([longitude, latitude]) =>
  `${side(latitude, ["N", "S"])}, ${side(longitude, ["E", "W"])}`;
