/** The alerts that a note is for: those that were shown when the person began to write it. Pure. */

import { alertKey } from "./seen-alerts.js";

export class AlertNote {
  /** @type {Set<string> | null} keys; null: nothing is typed */ #alerts = null;

  /**
   * Call it after each change of the note. When all alerts of the note are taken or over, the note is for the present
   * ones.
   * @param {string} text @param {import("./alerts.js").AreaAlert[]} alerts that nobody has acknowledged
   */
  follow(text, alerts) {
    const keys = alerts.map(alertKey);
    if (text === "") this.#alerts = null;
    else if (!keys.some((key) => this.#alerts?.has(key))) this.#alerts = new Set(keys);
  }

  /** Whether this note may acknowledge an alert. @param {import("./alerts.js").AreaAlert} alert */
  isFor(alert) {
    return this.#alerts === null || this.#alerts.has(alertKey(alert));
  }
}
