/**
 * Gathers changes to a set of features and hands them on as few diffs, at a pace that a burst of messages does not
 * break. Pure.
 */

import { Pace } from "../live/pace.js";

/**
 * @typedef {import("./clusters.js").Feature} Feature
 * @typedef {{remove: number[], add: Feature[]}} Diff remove comes first; a changed feature is in both
 */

export class DiffQueue {
  /** @type {Map<number, Feature | null>} null: to be removed */
  #pending = new Map();
  #pace;

  /**
   * @param {(diff: Diff) => Promise<unknown>} send
   * @param {[wait?: (milliseconds: number) => Promise<void>, clock?: () => number]} time as a Pace has it
   */
  constructor(send, ...time) {
    this.#pace = new Pace(
      async () => {
        if (this.#pending.size > 0) await send(this.#take());
      },
      ...time,
    );
  }

  /** @param {number} key @param {Feature | null} feature as it is now; null if it is gone */
  put(key, feature) {
    this.#pending.set(key, feature);
    this.#pace.wake();
  }

  /** Forgets what has not been handed on. */
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
