/** The entries of the panel, with their order and words. Pure. */

import { acknowledgementOf, stateOf } from "../live/alert-order.js";
import { isBeyondMap } from "../base/geojson.js";
import { isolate } from "../base/bidi.js";
import { stateWords, whenWords } from "../base/elements.js";
import { severityWord } from "../base/severity.js";
import { language, t, tn } from "../base/translate.js";

export const MAX_ROWS = 100; // more than a person reads, and few enough to be drawn at once

/** @typedef {import("../base/geojson.js").Box} Box */

/** @param {Box} box @param {[number, number]} position */
export function contains([west, south, east, north], [longitude, latitude]) {
  // the first copy of the position that is not west of the box
  const shifted = longitude + 360 * Math.ceil((west - longitude) / 360);
  return latitude >= south && latitude <= north && shifted <= east;
}

const newer = ({ properties: a }, { properties: b }) =>
  a.created < b.created ? 1 : a.created > b.created ? -1 : b.pk - a.pk;

/**
 * The newest incidents in the box. It runs often, also with tens of thousands, so it sorts hardly more than it returns.
 * @param {Iterable<import("../live/messages.js").Feature>} incidents @param {Box} box
 */
export function newestIn(incidents, box) {
  const first = [];
  let oldest = "";
  let count = 0;
  const cut = () => {
    first.sort(newer).splice(MAX_ROWS);
    oldest = first[MAX_ROWS - 1]?.properties.created ?? "";
  };
  // The last in the list are mostly the newest. So a walk from the end adds hardly any that is cut off again.
  for (const incident of [...incidents].reverse()) {
    if (!contains(box, incident.geometry.coordinates)) continue;
    count += 1;
    if (incident.properties.created >= oldest) first.push(incident);
    if (first.length >= 2 * MAX_ROWS) cut();
  }
  cut();
  return { count, first };
}

/** @param {import("../live/messages.js").Properties} properties of an incident */
export const incidentWords = (properties) =>
  [properties.severity, ...stateWords(properties), whenWords(properties)].join(", ");

/**
 * The state of an incident's alerts, with the name of the person who has acknowledged them.
 * @param {Pick<import("../live/alerts.js").Alert, "areas">} alert
 */
export function handledWords(alert) {
  const who = acknowledgementOf(alert);
  if (who) return t("Acknowledged by %(name)s", { name: isolate(who.by) });
  return stateOf(alert) === "muted" ? t("Muted") : t("Unacknowledged");
}

/** @param {import("../live/alerts.js").Alert} alert */
export function alertWords({ feature: { geometry, properties }, areas }) {
  const state = [severityWord(properties.severity), ...stateWords(properties), handledWords({ areas })];
  const names = areas.map(({ name }) => isolate(name)).join(", ");
  const words = t("%(state)s, in %(areas)s", { state: state.join(", "), areas: names });
  if (!isBeyondMap(geometry?.coordinates ?? [])) return words;
  return [words, t("Too close to the pole for this map.")].join(". ");
}

/**
 * What the closed sheet of a phone says.
 * @param {number} unacknowledged incidents with unacknowledged alerts, as in the badge
 * @param {number} seen incidents in view that pass the filter
 */
export const summaryWords = (unacknowledged, seen) =>
  unacknowledged > 0
    ? t("%(n)s unacknowledged, %(seen)s in view", {
        n: unacknowledged.toLocaleString(language),
        seen: seen.toLocaleString(language),
      })
    : tn("%(n)s incident in view", "%(n)s incidents in view", seen);
