/**
 * The sentences of the scripts, in the language of the page. The source has them in English; a script of the page,
 * which has run before, has those of another language: see web/page_sentences.py. Sentences must be literals, because
 * the catalogues are made from the source code. Pure.
 */

/**
 * @typedef {{sentences: Record<string, string | string[]>, forms: Record<string, number>}} Sentences
 * `forms` has the number of the plural form for each category of Intl.PluralRules
 */

/** The code of the page's language, for Intl. */
export const language = globalThis.document?.documentElement.lang || "en";

/** @type {Sentences} */
const { sentences, forms } = globalThis.trackerSentences ?? { sentences: {}, forms: {} };
const translations = new Map(Object.entries(sentences));

const plurals = new Intl.PluralRules(language);

const fill = (text, values) =>
  text.replaceAll(/%(?:%|\((\w+)\)s)/g, (found, name) => (found === "%%" ? "%" : String(values[name] ?? found)));

/**
 * A sentence in the page's language.
 * @param {string} sentence in English, with `%(name)s` for a value and `%%` for a percent sign
 * @param {Record<string, string | number>} [values] by name
 */
export function t(sentence, values = {}) {
  return fill(String(translations.get(sentence) ?? sentence), values);
}

/**
 * A sentence for a number, which both forms can name as `%(n)s`.
 * @param {string} one in English, for 1
 * @param {string} many in English, for all other numbers
 * @param {number} n
 * @param {Record<string, string | number>} [values] by name
 */
export function tn(one, many, n, values = {}) {
  const known = translations.get(one);
  const own = Array.isArray(known) ? known[forms[plurals.select(n)] ?? known.length - 1] : undefined;
  return fill(own ?? (n === 1 ? one : many), { n: n.toLocaleString(language), ...values });
}
