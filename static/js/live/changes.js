/**
 * Collects the changes of a store and sends them to its listeners: once per turn of a schedule, however many there are.
 * Pure.
 */

/**
 * @typedef {{changed: Set<number>, removed: Set<number>}} Keys primary keys
 * @typedef {object} Change
 * @property {boolean} reset everything was loaded again; `incidents` and `areas` are then empty
 * @property {Keys} incidents
 * @property {Keys} areas
 * @property {Set<number>} created incidents that were reported just now
 * @property {boolean} closed the closed incidents were loaded
 * @property {Set<number>} raised incidents whose alerts should interrupt, the oldest first
 * @property {boolean} alerts the set of alerts, one of them, or the unread count has changed
 * @property {boolean} connection
 * @property {string} notice a sentence for the reader, or ""
 */

/** @returns {Change} */
const noChange = () => ({
  reset: false,
  incidents: { changed: new Set(), removed: new Set() },
  areas: { changed: new Set(), removed: new Set() },
  created: new Set(),
  closed: false,
  raised: new Set(),
  alerts: false,
  connection: false,
  notice: "",
});

export class Changes {
  /** @type {Change} the changes that the listeners do not have yet */ pending = noChange();
  #schedule;
  #listeners = new Set();
  #scheduled = false;

  /** @param {(run: () => void) => void} schedule calls `run` soon, once */
  constructor(schedule) {
    this.#schedule = schedule;
  }

  /** @param {(change: Change) => void} listener @returns {() => void} stops the listening */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Replaces the collected changes by a reset: all features may have changed.
   * @param {Partial<Change>} rest what is known beyond that
   */
  startAnew(rest) {
    this.pending = { ...noChange(), connection: this.pending.connection, reset: true, alerts: true, ...rest };
  }

  /**
   * Notes that a feature has changed or is gone.
   * @param {"incidents" | "areas"} collection
   * @param {number} pk
   * @param {{gone: boolean}} how
   */
  note(collection, pk, { gone }) {
    const keys = this.pending[collection];
    keys[gone ? "removed" : "changed"].add(pk);
    keys[gone ? "changed" : "removed"].delete(pk);
  }

  /** Schedules the sending, unless it is scheduled already. */
  wake() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      const change = this.pending;
      this.pending = noChange();
      this.#scheduled = false;
      for (const listener of this.#listeners) listener(change);
    });
  }
}
