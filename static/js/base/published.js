/**
 * Settings that the server writes into each page: severities, limits of texts in characters, the names of plain text
 * fields, the labels of fields by name, the path of the host below which Tracker is, and the version. See web/pages.
 */

/**
 * @typedef {{code: string, name: string, rank: number}} Severity
 * @typedef {{severities: Severity[], default_severity: string, limits: {name: number, description: number},
 *   plain_texts: string[], plain_texts_of_areas: string[], labels: Record<string, string>, root: string,
 *   version: string}} Published
 */

/** @type {Published} */
export const published = JSON.parse(document.getElementById("published").textContent);
