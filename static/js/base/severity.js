/**
 * The severities as the page publishes them: code, word and rank, the most severe first.
 * Their shapes are in templates/shared/_severity_shapes.html and their colours in css/tokens.css.
 */

import { published } from "./published.js";

/** @typedef {import("./published.js").Severity} Severity */

/** @type {readonly Severity[]} */
export const SEVERITIES = Object.freeze(published.severities);

/** The word of the severity that a new form has. */
export const DEFAULT_SEVERITY = published.default_severity;

const BY_NAME = new Map(SEVERITIES.map((severity) => [severity.name, severity]));
const LEAST = SEVERITIES[SEVERITIES.length - 1];

/**
 * The severity with this word; the least severe one if the word is unknown.
 * @param {string} name
 * @returns {Severity}
 */
export function severityNamed(name) {
  return BY_NAME.get(name) ?? LEAST;
}

/** The word of a severity in the language of the page. @param {string} name */
export const severityWord = (name) => published.words?.[name] ?? name;

/**
 * The severity with this code, or undefined.
 * @param {string} code
 */
export function severityCoded(code) {
  return SEVERITIES.find((severity) => severity.code === code);
}
