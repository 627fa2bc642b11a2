/**
 * The server's clock. The viewer's may be wrong, and then ages and filters by time would be, too. Each page has the
 * server's time at which it was made, and each `hello` of the socket has a newer one.
 */

let offset = 0; // ms to add to the viewer's clock

/** Milliseconds since 1970, by the server's clock. */
export const serverNow = () => Date.now() + offset;

/**
 * Follows a time of the server.
 * @param {string | undefined} time ISO 8601
 * @param {number} [then] what the viewer's clock said at that time, in ms since 1970
 */
export function setServerTime(time, then = Date.now()) {
  const found = Date.parse(time ?? "");
  if (!Number.isNaN(found)) offset = found - then;
}

/**
 * Follows the time at which the server made this page. A page that the service worker has kept is too old for that.
 * @param {string | undefined} time ISO 8601
 */
export function setPageTime(time) {
  const [navigation] = performance.getEntriesByType("navigation");
  const { responseStart, workerStart } = /** @type {PerformanceNavigationTiming} */ (navigation ?? {});
  if (responseStart && !workerStart) setServerTime(time, performance.timeOrigin + responseStart);
}
