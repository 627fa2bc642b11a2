/**
 * Which alerts have been on the screen long enough to count as seen. Pure, but for timers. An alert that escalates has
 * to be seen again: its key contains the `seq` of the last raise or escalation.
 */

export const SEEN_MS = 1_000; // an alert that appears less than this before a click is not meant by it

/** @typedef {import("./alerts.js").AreaAlert} AreaAlert */

/** @param {{id: number, seq: number}} alert */
export const alertKey = ({ id, seq }) => `${id} ${seq}`;

/** The log entry up to which these alerts have been seen. @param {AreaAlert[]} alerts not empty */
export const seenUpTo = (alerts) => Math.max(...alerts.map(({ seq }) => seq));

export class SeenAlerts {
  /** @type {Map<string, ReturnType<typeof setTimeout> | null>} a timer of what is on the screen; null: seen */ #keys =
    new Map();
  #onSeen;

  /** @param {() => void} [onSeen] called whenever one more has been seen */
  constructor(onSeen = () => {}) {
    this.#onSeen = onSeen;
  }

  /** @param {string} key */
  has(key) {
    return this.#keys.get(key) === null;
  }

  /** Notes that an alert is on the screen. @param {string} key */
  appear(key) {
    if (!this.#keys.has(key))
      this.#keys.set(
        key,
        setTimeout(() => this.#see(key), SEEN_MS),
      );
  }

  /**
   * Notes that an alert has left the screen. If it was not seen by then, its time starts again when it appears again.
   * @param {string} key
   */
  vanish(key) {
    if (!this.#keys.get(key)) return;
    clearTimeout(this.#keys.get(key));
    this.#keys.delete(key);
  }

  /** Forgets all but these. @param {Set<string>} keys */
  keep(keys) {
    for (const key of [...this.#keys.keys()]) {
      if (keys.has(key)) continue;
      this.vanish(key);
      this.#keys.delete(key);
    }
  }

  #see(key) {
    this.#keys.set(key, null);
    this.#onSeen();
  }
}
