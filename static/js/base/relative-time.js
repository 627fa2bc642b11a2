/** Times in words: how long ago, and exactly, in the language of the page and the zone of the device. */

import { serverNow } from "./server-clock.js";
import { language, t } from "./translate.js";

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];
const OLD_S = 30 * 86_400; // from this age on, the date says more

/** @type {Intl.RelativeTimeFormat} */
let relative; // these are created at the first use, because that takes the browser milliseconds
/** @type {Record<string, Intl.DateTimeFormat>} */
const formats = {};

/** @param {string} name @param {Intl.DateTimeFormatOptions} options */
const format = (name, options) => (formats[name] ??= new Intl.DateTimeFormat(language, options));

/**
 * How long ago a moment was, or how soon it will be; its date if that is long.
 * @param {string} moment ISO 8601
 * @param {number} [now] ms since 1970
 */
export function agoWords(moment, now = serverNow()) {
  const seconds = (now - Date.parse(moment)) / 1000;
  const size = Math.abs(seconds);
  if (size >= OLD_S) return format("day", { dateStyle: "medium" }).format(Date.parse(moment));
  const [unit, length] = UNITS.find(([, least]) => size >= least) ?? [];
  if (!unit) return t("just now");
  relative ??= new Intl.RelativeTimeFormat(language, { numeric: "always", style: "short" });
  const words = relative.format(-Math.sign(seconds) * Math.floor(size / length), unit);
  return language.startsWith("en") ? words.replace("hr.", "h").replace("min.", "min") : words;
}

/** A moment by the clock and the zone of the device. @param {string | number} moment */
export const exactWords = (moment) =>
  format("moment", { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" }).format(new Date(moment));
