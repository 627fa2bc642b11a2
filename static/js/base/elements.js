/** Makes small pieces of the page by script. Text is added as text, never as HTML. */

import { within } from "./addresses.js";
import { isolate } from "./bidi.js";
import { agoWords } from "./relative-time.js";
import { serverNow } from "./server-clock.js";
import { language, t } from "./translate.js";
import { severityNamed, severityWord } from "./severity.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element of the page.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children strings become text
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** The severity as shape and colour. Its word must stand near it. @param {string} name */
export function severityShape(name) {
  const { code } = severityNamed(name);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "shape");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#shape-${code}`);
  svg.append(use);
  return element("span", { class: `severity severity-${code}` }, svg);
}

/** The severity as shape, colour and word, like the macro of the templates. @param {string} name */
export function severityBadge(name) {
  const badge = severityShape(name);
  badge.append(severityWord(name));
  return badge;
}

/** A link within this tracker. @param {string} path such as a feature's `url` @param {string} text */
export function link(path, text, attributes = {}) {
  return element("a", { href: path.startsWith("/") ? within(path) : "#", ...attributes }, text);
}

/** How long ago a moment was, in words. @param {string} moment ISO 8601 */
export const sinceWords = (moment) => agoWords(moment);

const LATE_MS = 60_000; // with a smaller difference only one time is shown

/**
 * When an incident happened, and when it was reported, if that was later.
 * @param {{happened?: string, created: string}} properties
 */
export function whenWords({ created, happened = created }) {
  const [since, reported] = [sinceWords(happened), sinceWords(created)];
  const isLate = Math.abs(Date.parse(created) - Date.parse(happened)) >= LATE_MS && since !== reported;
  return isLate ? t("happened %(happened)s, reported %(reported)s", { happened: since, reported }) : since;
}

/** A distance in words, such as 30 m or 1.2 km. @param {number} metres */
export function metres(metres) {
  if (metres < 1000) return t("%(n)s m", { n: Math.max(1, Math.round(metres)) });
  const km = (metres / 1000).toLocaleString(language, { maximumFractionDigits: metres < 10_000 ? 1 : 0 });
  return t("%(n)s km", { n: km });
}

/**
 * The words for an incident's state, beside its severity.
 * @param {Record<string, any>} properties
 * @returns {string[]}
 */
export const stateWords = ({ closed, verified, suspected_spam: spam }) =>
  [closed && t("Closed"), verified === false && (spam ? t("Suspected spam") : t("Unverified"))].filter(Boolean);

/**
 * The state of an incident as chips, like the macro of the templates. An open and verified one has none.
 * @param {Record<string, any>} properties
 */
export const stateChips = (properties) =>
  stateWords(properties).map((word) =>
    element("span", { class: `state ${word === t("Closed") ? "closed" : "unverified"}` }, word),
  );

/**
 * Whether an area is muted now.
 * @param {{muted_until?: string}} properties of the area
 * @param {number} [now] ms since 1970
 */
export const isMuted = ({ muted_until: until }, now = serverNow()) => until !== undefined && Date.parse(until) > now;

/** @type {Intl.DateTimeFormatOptions} */
const CLOCK = {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
};

/**
 * The name of the person who muted an area, and the end; "" if it is not muted.
 * @param {{muted_until?: string, muted_by?: string}} properties
 */
export function mutedWords(properties) {
  if (!isMuted(properties)) return "";
  const until = new Date(properties.muted_until).toLocaleString(language, CLOCK);
  if (!properties.muted_by) return t("Muted until %(time)s", { time: until });
  return t("Muted by %(name)s until %(time)s", { name: isolate(properties.muted_by), time: until });
}
