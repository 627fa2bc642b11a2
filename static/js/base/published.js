/**
 * Settings that the server writes into each page: severities, limits of texts in characters, names of plain text
 * fields, and labels of fields by name. `words` has the severities' words in the
 * language of the page. It also has the version, and the path of the host below which Tracker is. See
 * web/pages.
 */

/**
 * @typedef {{code: string, name: string, rank: number}} Severity
 * @typedef {{severities: Severity[], default_severity: string, limits: {name: number, description: number},
 *   plain_texts: string[], plain_texts_of_areas: string[], labels: Record<string, string>,
 *   words: Record<string, string>, root: string,
 *   version: string, time: string}} Published
 */

/** @type {Published} */
export const published = JSON.parse(document.getElementById("published").textContent);
