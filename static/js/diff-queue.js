/**
 * Gathers changes to a set of features and hands them on as few diffs, never two at a time, and at a pace that leaves
 * the receiver idle at least as long as it works: a burst of messages must not freeze a page with many incidents. Pure.
 */

const REST = 1; // wait as long as the last diff took before the next

/**
 * @typedef {import("./messages.js").Feature} Feature
 * @typedef {{remove: number[], add: Feature[]}} Diff remove comes first; a changed feature is in both
 */

export class DiffQueue {
  /** @type {Map<number, Feature | null>} null: to be removed */
  #pending = new Map();
  #send;
  #wait;
  #clock;
  #running = false;

  /**
   * @param {(diff: Diff) => Promise<unknown>} send
   * @param {(milliseconds: number) => Promise<void>} [wait]
   * @param {() => number} [clock] milliseconds
   */
  constructor(send, wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds)), clock = () => performance.now()) {
    this.#send = send;
    this.#wait = wait;
    this.#clock = clock;
  }

  /** @param {number} key @param {Feature | null} feature as it is now; null if it is gone */
  put(key, feature) {
    this.#pending.set(key, feature);
    if (!this.#running) this.#run();
  }

  /** Forgets what has not been handed on. */
  clear() {
    this.#pending.clear();
  }

  async #run() {
    this.#running = true;
    await null; // so that what is put in the same turn goes out together
    while (this.#pending.size > 0) {
      const began = this.#clock();
      await this.#sendOne();
      await this.#wait((this.#clock() - began) * REST);
    }
    this.#running = false;
  }

  async #sendOne() {
    try {
      await this.#send(this.#take());
    } catch (error) {
      console.warn("A change could not be drawn:", error);
    }
  }

  /** @returns {Diff} */
  #take() {
    const remove = [...this.#pending.keys()];
    const add = [...this.#pending.values()].filter((feature) => feature !== null);
    this.#pending.clear();
    return { remove, add };
  }
}
