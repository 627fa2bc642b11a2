/** The filter of incidents: as a value, in the page's address, and as a test of an incident. Pure. */

import { covers } from "../base/geojson.js";
import { SEVERITIES, severityCoded } from "../base/severity.js";

/**
 * @typedef {object} Filter
 * @property {string[]} severities codes; none means all
 * @property {"open" | "closed" | "all"} state
 * @property {number | null} area primary key of the area it must lie in
 * @property {string} text words that its name or description must have, all of them
 * @property {"" | "hour" | "day" | "week" | "range"} since when it happened
 * @property {string} from ISO 8601, for a range; "" is without end
 * @property {string} to
 */

/** @type {Readonly<Filter>} */
export const EVERYTHING = Object.freeze({
  severities: [],
  state: "open",
  area: null,
  text: "",
  since: "",
  from: "",
  to: "",
});

const SPANS_MS = { hour: 3_600_000, day: 86_400_000, week: 604_800_000 };
const NAMES = Object.keys(EVERYTHING);
const oneOf = (value, ...choices) => (choices.includes(value) ? value : choices[0]);
const isoOrNothing = (text) => (text && !Number.isNaN(Date.parse(text)) ? new Date(text).toISOString() : "");

/**
 * Reads the filter from an address. Values that make no sense are ignored.
 * @param {URLSearchParams} params
 * @returns {Filter}
 */
export function readFilter(params) {
  const said = (name) => params.get(name) ?? "";
  const from = isoOrNothing(said("from"));
  const to = isoOrNothing(said("to"));
  return {
    severities: said("severities").split(",").filter(severityCoded),
    state: oneOf(said("state"), "open", "closed", "all"),
    area: /^[1-9]\d{0,9}$/.test(said("area")) ? Number(said("area")) : null,
    text: said("text"),
    since: from || to ? "range" : oneOf(said("since"), "", "hour", "day", "week"),
    from,
    to,
  };
}

/**
 * Writes the filter into an address and keeps its other parameters.
 * @param {URLSearchParams} params
 * @param {Filter} filter
 */
export function writeFilter(params, filter) {
  for (const name of NAMES) params.delete(name);
  const said = { ...filter, severities: filter.severities.join(","), area: filter.area ?? "" };
  if (filter.since === "range") said.since = "";
  else said.from = said.to = "";
  for (const name of NAMES)
    if (said[name] !== "" && said[name] !== EVERYTHING[name]) params.set(name, String(said[name]));
}

/** How many criteria of the filter are set. @param {Filter} filter */
export const strictness = ({ severities, state, area, text, since }) =>
  [severities.length > 0, state !== "open", area !== null, text.trim() !== "", since !== ""].filter(Boolean).length;

/** Whether the filter includes closed incidents, which a page does not load at first. @param {Filter} filter */
export const wantsClosed = ({ state }) => state !== "open";

function span({ since, from, to }, now) {
  if (since in SPANS_MS) return [new Date(now - SPANS_MS[since]).toISOString(), ""];
  return since === "range" ? [from, to] : ["", ""];
}

/**
 * @param {Filter} filter
 * @param {Map<number, import("./messages.js").Feature>} areas
 * @param {number} now ms since 1970
 * @returns {(incident: import("./messages.js").Feature) => boolean}
 */
export function matcher(filter, areas, now) {
  const severities = new Set(filter.severities.map((code) => SEVERITIES.find((each) => each.code === code).name));
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const [from, to] = span(filter, now);
  const area = filter.area === null ? null : (areas.get(filter.area)?.geometry ?? { coordinates: [] });
  const tests = [];
  if (filter.state !== "all")
    tests.push(({ properties: { closed } }) => Boolean(closed) === (filter.state === "closed"));
  if (severities.size > 0) tests.push(({ properties: { severity } }) => severities.has(severity));
  // Messages of an older server have no time of the event
  const when = ({ properties: { happened, created } }) => happened ?? created;
  if (from) tests.push((incident) => when(incident) >= from);
  if (to) tests.push((incident) => when(incident) <= to);
  if (words.length > 0) {
    tests.push(({ properties: { name, description = "" } }) => {
      const text = `${name}\n${description}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }
  if (area) tests.push(({ geometry }) => covers(area, geometry.coordinates));
  return (incident) => tests.every((test) => test(incident));
}
