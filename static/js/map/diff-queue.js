/**
 * Collects changes of features and sends them as few diffs, at a rate that a burst of messages does not exceed. Pure.
 */

import { Throttle } from "../base/throttle.js";

/**
 * @typedef {import("./clusters.js").Feature} Feature
 * @typedef {{remove: number[], add: Feature[]}} Diff remove comes first; a changed feature is in both
 */

export class DiffQueue {
  /** @type {Map<number, Feature | null>} null: to be removed */
  #pending = new Map();
  #throttle;

  /**
   * @param {(diff: Diff) => Promise<unknown>} send
   * @param {[wait?: (milliseconds: number) => Promise<void>, clock?: () => number]} time as a Throttle has it
   */
  constructor(send, ...time) {
    this.#throttle = new Throttle(
      async () => {
        if (this.#pending.size > 0) await send(this.#take());
      },
      ...time,
    );
  }

  /** @param {number} key @param {Feature | null} feature as it is now; null if it is gone */
  put(key, feature) {
    this.#pending.set(key, feature);
    this.#throttle.request();
  }

  /** Drops the changes that are not sent yet. */
  clear() {
    this.#pending.clear();
  }

  /** @returns {Diff} */
  #take() {
    const remove = [...this.#pending.keys()];
    const add = [...this.#pending.values()].filter((feature) => feature !== null);
    this.#pending.clear();
    return { remove, add };
  }
}
