/** The time of a wall screen: when it is night, when it is stale, and when it loads itself anew. Pure. */

export const STALE_MS = 10_000; // a connection that comes back within this is not worth a word
export const DAY = 24;
const DEFAULT_NIGHT = "22-6";
const QUIET_HOUR = 4; // of the wall's clock, in which it loads itself anew
const OLD_MS = 20 * 3_600_000; // an older page does so
const LATEST_MS = 10 * 60_000; // after an alert it waits so long

/**
 * Whether a wall is dim.
 * @param {string | null} night of the link: "on", "off", or hours such as "22-6"; null: the usual hours
 * @param {number} hour of the wall's clock
 */
export function isNight(night, hour) {
  if (night === "on" || night === "off") return night === "on";
  const found = /^(\d+)-(\d+)$/.exec(night ?? "") ?? /^(\d+)-(\d+)$/.exec(DEFAULT_NIGHT);
  const [from, to] = found.slice(1).map(Number);
  return from <= to ? hour >= from && hour < to : hour >= from || hour < to;
}

/**
 * Whether a wall shows an old state.
 * @param {import("../live/store.js").Connection} connection
 * @param {number | null} lostAt when it was last connected, in ms since 1970; null: it is connected
 * @param {number} now
 */
export function isStale({ state }, lostAt, now) {
  return lostAt !== null && (state === "offline" || now - lostAt >= STALE_MS);
}

/**
 * Whether a wall may load itself anew: it frees what a page that runs for months has gathered.
 * @param {{age: number, hour: number, sinceAlert: number, connected: boolean}} found ages in ms; hour of its clock
 */
export const isDue = ({ age, hour, sinceAlert, connected }) =>
  connected && age >= OLD_MS && hour === QUIET_HOUR && sinceAlert >= LATEST_MS;
