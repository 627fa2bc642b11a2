/**
 * The five severities: code, word and rank. Pure data, in the order of the server's choices (most severe first).
 * Their shapes are in templates/_severity_shapes.html and their colours in css/tokens.css.
 */

/** @typedef {{code: string, name: string, rank: number}} Severity */

/** @type {readonly Severity[]} */
export const SEVERITIES = Object.freeze([
  { code: "UR", name: "Urgent", rank: 5 },
  { code: "HI", name: "High", rank: 4 },
  { code: "ME", name: "Medium", rank: 3 },
  { code: "LO", name: "Low", rank: 2 },
  { code: "IN", name: "Info", rank: 1 },
]);

const BY_NAME = new Map(SEVERITIES.map((severity) => [severity.name, severity]));
const LEAST = SEVERITIES[SEVERITIES.length - 1];

/**
 * The severity with this word. A word that is not known counts as the least severe one.
 * @param {string} name
 * @returns {Severity}
 */
export function severityNamed(name) {
  return BY_NAME.get(name) ?? LEAST;
}

/**
 * The severity with this code, or undefined.
 * @param {string} code
 */
export function severityCoded(code) {
  return SEVERITIES.find((severity) => severity.code === code);
}
