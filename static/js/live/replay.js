/**
 * A stretch of the log that is being caught up: its alerts interrupt together at its end, and it is told in one
 * sentence. Pure.
 */

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

  /** How much it was; "" if there is nothing to say. */
  get sentence() {
    if (this.#changes === 0 || this.#first) return "";
    return `${this.#changes} ${this.#changes === 1 ? "change" : "changes"} while you were away`;
  }
}
