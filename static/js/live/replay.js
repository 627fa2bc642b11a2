/**
 * A replay: the log entries that the page missed and receives now. Its alerts interrupt together at its end, and one
 * sentence sums it up. Pure.
 */

import { tn } from "../base/translate.js";

export class Replay {
  /** @type {number} the log entry with which it ends */ until;
  /** @type {Set<number>} incidents whose alerts should interrupt when it is over, the oldest first */ raised =
    new Set();
  #changes = 0;
  #first;

  /** @param {number} until @param {{first: boolean}} how first: the page has just been opened, so nobody was away */
  constructor(until, { first }) {
    this.until = until;
    this.#first = first;
  }

  /** Counts a change to an incident or an area. */
  count() {
    this.#changes += 1;
  }

  /** The sentence that sums it up; "" if there is nothing to say. */
  get sentence() {
    if (this.#changes === 0 || this.#first) return "";
    return tn("%(n)s change while you were away", "%(n)s changes while you were away", this.#changes);
  }
}
