/** Which alerts a note is for: those that were there when it was begun. Pure. */

import { alertKey } from "./seen-alerts.js";

export class AlertNote {
  /** @type {Set<string> | null} keys; null: nothing is typed */ #alerts = null;

  /**
   * To be called with each change of the note. If all that it was begun for is taken or over, it is for the others from
   * now on.
   * @param {string} text @param {import("./alerts.js").AreaAlert[]} alerts that nobody has taken
   */
  follow(text, alerts) {
    const keys = alerts.map(alertKey);
    if (text === "") this.#alerts = null;
    else if (!keys.some((key) => this.#alerts?.has(key))) this.#alerts = new Set(keys);
  }

  /** Whether an alert may be taken with this note. @param {import("./alerts.js").AreaAlert} alert */
  isFor(alert) {
    return this.#alerts === null || this.#alerts.has(alertKey(alert));
  }
}
