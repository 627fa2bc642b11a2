/**
 * How long to wait before the next attempt to connect: exponential backoff with full jitter. Without the jitter all
 * browsers would return to a restarted server in the same instant. Pure.
 */

export const MIN_DELAY_MS = 500; // short, so that a restart of the server is hardly noticed
export const MAX_DELAY_MS = 30_000; // a page left open over night should not hammer, nor sleep for long

/**
 * A random wait between MIN_DELAY_MS and a ceiling that doubles with every attempt up to MAX_DELAY_MS.
 * @param {number} attempt how many attempts have failed before this one, from 0
 * @param {() => number} [random] a number from 0 up to, not including, 1
 * @returns {number} milliseconds
 */
export function backoff(attempt, random = Math.random) {
  const ceiling = Math.min(MAX_DELAY_MS, MIN_DELAY_MS * 2 ** (attempt + 1));
  return MIN_DELAY_MS + random() * (ceiling - MIN_DELAY_MS);
}
