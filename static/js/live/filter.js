/**
 * The filter of incidents: as a value, in the page's address, and as a test of an incident. Pure.
 *
 * For the list, domain/filters.py reads the same addresses. The tests of both read tests/data/filters.json.
 */

import { foldedWords, fold } from "../base/folding.js";
import { covers } from "../base/geojson.js";
import { fromLocal } from "../base/local-time.js";
import { SEVERITIES, severityCoded } from "../base/severity.js";

/**
 * @typedef {object} Filter
 * @property {string[]} severities codes; none means all
 * @property {"open" | "closed" | "all" | "unconfirmed"} state unconfirmed: open, and no editor has confirmed it
 * @property {number | null} area primary key of the area it must lie in
 * @property {string} text words that its name or description must have, all of them; or numbers of incidents
 * @property {"happened" | "reported" | "closed"} by which time the next ones are about
 * @property {"" | "hour" | "day" | "today" | "yesterday" | "week" | "range"} since days are those of this browser
 * @property {string} from ISO 8601, for a range; "" is without end
 * @property {string} to
 */

/** @type {Readonly<Filter>} */
export const EVERYTHING = Object.freeze({
  severities: [],
  state: "open",
  area: null,
  text: "",
  by: "happened",
  since: "",
  from: "",
  to: "",
});

const SPANS_MS = { hour: 3_600_000, day: 86_400_000, week: 604_800_000 };
const NAMES = Object.keys(EVERYTHING);
const oneOf = (value, ...choices) => (choices.includes(value) ? value : choices[0]);
const isoOrNothing = (text) => (text && !Number.isNaN(Date.parse(text)) ? fromLocal(text) : "");
/** The state of an address that names none. An incident with a time of closing is not open. */
const usualState = ({ by, since }) => (by === "closed" && since !== "" ? "closed" : "open");

/**
 * Reads the filter from an address. Values that make no sense are ignored.
 * @param {URLSearchParams} params
 * @returns {Filter}
 */
export function readFilter(params) {
  const said = (name) => params.get(name) ?? "";
  const from = isoOrNothing(said("from"));
  const to = isoOrNothing(said("to"));
  const by = oneOf(said("by"), "happened", "reported", "closed");
  const since = from || to ? "range" : oneOf(said("since"), "", "hour", "day", "today", "yesterday", "week");
  const codes = params.getAll("severities").join(",").split(",");
  return {
    severities: [...new Set(codes)].filter(severityCoded),
    state: oneOf(said("state"), usualState({ by, since }), "open", "closed", "all", "unconfirmed"),
    area: /^[1-9]\d{0,9}$/.test(said("area")) ? Number(said("area")) : null,
    text: said("text") || said("q"),
    by,
    since,
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
  for (const name of [...NAMES, "q", "zone"]) params.delete(name);
  const said = { ...filter, severities: filter.severities.join(","), area: filter.area ?? "" };
  if (filter.state === usualState(filter)) said.state = /** @type {any} */ ("");
  if (filter.since === "range") said.since = "";
  else said.from = said.to = "";
  for (const name of NAMES)
    if (said[name] !== "" && (name === "state" || said[name] !== EVERYTHING[name]))
      params.set(name, String(said[name]));
}

/**
 * The parameters of the list with this filter. They name the time zone, which the server does not know.
 * @param {Filter} filter
 */
export function listQuery(filter) {
  const params = new URLSearchParams();
  writeFilter(params, filter);
  if (["today", "yesterday", "range"].includes(filter.since))
    params.set("zone", Intl.DateTimeFormat().resolvedOptions().timeZone);
  return params.toString().replaceAll("%2C", ","); // easier to read in a pasted link
}

/** How many criteria of the filter are set. @param {Filter} filter */
export const strictness = ({ severities, state, area, text, since }) =>
  [severities.length > 0, state !== "open", area !== null, text.trim() !== "", since !== ""].filter(Boolean).length;

/** Whether the filter includes closed incidents, which a page does not load at first. @param {Filter} filter */
export const wantsClosed = ({ state }) => state === "closed" || state === "all";

const iso = (ms) => new Date(ms).toISOString();

/** The beginning of the day that is so many days after that of a moment, in this browser's time zone. */
const midnight = (now, days) => {
  const day = new Date(now);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + days).getTime();
};

/** The first moment of the filter and the one after the last, "" is without end. @returns {[string, string]} */
function span({ since, from, to }, now) {
  if (since in SPANS_MS) return [iso(now - SPANS_MS[since]), ""];
  if (since === "today") return [iso(midnight(now, 0)), ""];
  if (since === "yesterday") return [iso(midnight(now, -1)), iso(midnight(now, 0))];
  return since === "range" ? [from, to] : ["", ""];
}

/** Whether the passing of time alone changes what passes. @param {Filter} filter */
export const agesWith = ({ since }) => since !== "" && since !== "range";

/** The folded texts of incidents, which are searched with every typed letter. A changed incident is a new object. */
const folded = new WeakMap();

function foldedText(properties) {
  let text = folded.get(properties);
  if (text === undefined) {
    text = fold(`${properties.name}\n${properties.description ?? ""}`);
    folded.set(properties, text);
  }
  return text;
}

const NUMBER = /^#?([1-9]\d{0,15})$/;
/** @type {Record<string, (properties: Record<string, any>) => string | null>} */
const TIMES = {
  happened: ({ happened, created }) => happened ?? created, // messages of an older server have no time of the event
  reported: ({ created }) => created,
  closed: ({ closed_at: at }) => at ?? null,
};
const STATES = {
  open: ({ closed }) => !closed,
  closed: ({ closed }) => Boolean(closed),
  unconfirmed: ({ closed, verified }) => !closed && verified === false,
};

/**
 * @param {Filter} filter
 * @param {Map<number, import("./messages.js").Feature>} areas
 * @param {number} now ms since 1970
 * @returns {(incident: import("./messages.js").Feature) => boolean}
 */
export function matcher(filter, areas, now) {
  const severities = new Set(filter.severities.map((code) => SEVERITIES.find((each) => each.code === code).name));
  const words = foldedWords(filter.text).map((word) => ({ word, pk: Number(NUMBER.exec(word)?.[1] ?? 0) }));
  // Stored times have microseconds: without its Z, a bound sorts before all of its millisecond.
  const [from, to] = span(filter, now).map((bound) => bound.replace("Z", ""));
  const area = filter.area === null ? null : (areas.get(filter.area)?.geometry ?? { coordinates: [] });
  const tests = [];
  const isWanted = STATES[filter.state];
  if (isWanted) tests.push(({ properties }) => isWanted(properties));
  if (severities.size > 0) tests.push(({ properties: { severity } }) => severities.has(severity));
  const when = TIMES[filter.by];
  if (from) tests.push(({ properties }) => (when(properties) ?? "") >= from);
  if (to) {
    tests.push(({ properties }) => {
      const moment = when(properties);
      return moment !== null && moment < to;
    });
  }
  if (words.length > 0) {
    tests.push(({ properties }) => {
      const text = foldedText(properties);
      return words.every(({ word, pk }) => text.includes(word) || (pk > 0 && pk === properties.pk));
    });
  }
  if (area) tests.push(({ geometry }) => covers(area, geometry.coordinates));
  return (incident) => tests.every((test) => test(incident));
}
