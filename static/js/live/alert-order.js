/** The states of an incident's alerts, and the order of incidents with alerts. The server has the same order. Pure. */

import { severityNamed } from "../base/severity.js";

/**
 * @typedef {import("./alerts.js").Alert} Alert
 * @typedef {import("./alerts.js").AreaAlert} AreaAlert
 * @typedef {"unacknowledged" | "acknowledged" | "muted"} State
 */

/** Whether an alert does not interrupt this person. @param {Pick<AreaAlert, "muted" | "mutedForMe">} area */
export const isQuiet = ({ muted, mutedForMe }) => muted || mutedForMe;

/** Whether nobody has acknowledged an alert that is not muted. @param {AreaAlert} area */
export const isUnacknowledged = (area) => !isQuiet(area) && !area.acknowledged;

/** The state of an incident with alerts, as in domain/incident_alerts.py. @param {Pick<Alert, "areas">} alert */
export function stateOf({ areas }) {
  if (areas.some(isUnacknowledged)) return "unacknowledged";
  return areas.some(({ acknowledged }) => acknowledged) ? "acknowledged" : "muted";
}

/**
 * The last acknowledgement of an incident's alerts; null if one of them is unacknowledged, or all are muted.
 * @param {Pick<Alert, "areas">} alert
 */
export function acknowledgementOf({ areas }) {
  if (areas.some(isUnacknowledged)) return null;
  const found = areas.map(({ acknowledged }) => acknowledged).filter(Boolean);
  return found.sort((a, b) => (a.at < b.at ? 1 : -1))[0] ?? null;
}

/** When the first of an incident's alerts was raised, in ISO 8601. @param {Pick<Alert, "areas">} alert */
export const raisedAt = ({ areas }) => areas.map(({ raised }) => raised).sort()[0];

const STATES = ["unacknowledged", "acknowledged", "muted"];

/** @param {Alert} alert @returns {[number, number, string, number]} */
const rank = (alert) => [
  STATES.indexOf(stateOf(alert)),
  -severityNamed(alert.feature.properties.severity).rank,
  raisedAt(alert),
  alert.feature.properties.pk,
];

/**
 * Sorts incidents with alerts: the unacknowledged and the worst first, of these the one that has been waiting longest.
 * @param {Iterable<Alert>} alerts
 * @returns {Alert[]} a new list
 */
export function inOrder(alerts) {
  const ranked = [...alerts].map((alert) => ({ alert, key: rank(alert) }));
  ranked.sort(({ key: a }, { key: b }) => {
    const place = a.findIndex((value, index) => value !== b[index]);
    return place < 0 ? 0 : a[place] < b[place] ? -1 : 1;
  });
  return ranked.map(({ alert }) => alert);
}
