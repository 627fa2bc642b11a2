/**
 * The form in which texts are searched. base/folding.py does the same for the server; tests/data/folding.json has
 * examples that the tests of both read. Pure.
 */

const IGNORED = /[\p{M}\p{Cf}]/gu; // accents and invisible characters
/** Letters that Unicode does not take apart, and the forms in which people type them on another keyboard. */
const LETTERS = {
  ß: "ss",
  ς: "σ",
  æ: "ae",
  œ: "oe",
  ø: "o",
  ł: "l",
  đ: "d",
  ð: "d",
  þ: "th",
  ı: "i",
  "’": "'",
  ʼ: "'",
};
const UNDIVIDED = new RegExp(`[${Object.keys(LETTERS).join("")}]`, "g");
const BEYOND_ASCII = /[^\0-\x7f]/;

/** The text without case, accents and other marks, in one Unicode form. @param {string} text */
export function fold(text) {
  if (!BEYOND_ASCII.test(text)) return text.toLowerCase();
  const bare = text.normalize("NFKD").replace(IGNORED, "").toLowerCase();
  return bare.replace(UNDIVIDED, (letter) => LETTERS[letter]).normalize("NFKC");
}

/** The folded words of a search; all of them must be in a text that is found. @param {string} text */
export const foldedWords = (text) =>
  fold(text)
    .split(/[ \t\n\r\f\v]+/)
    .filter(Boolean);
