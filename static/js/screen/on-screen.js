/** Observes which alerts are on the screen, in a visible tab: elements name them in `data-alerts`. */

import { alertKey, SeenAlerts } from "../live/seen-alerts.js";

const VISIBLE = 0.5; // visible share of an element's area

/** The value of `data-alerts`. @param {import("../live/alerts.js").AreaAlert[]} alerts */
export const named = (alerts) => alerts.map(alertKey).join();

const keysIn = (node) => (node.dataset.alerts ?? "").split(",").filter(Boolean);

export class OnScreen {
  #seen;
  /** @type {Set<string>} */ #visible = new Set();
  #observer = new IntersectionObserver((entries) => this.#note(entries), { threshold: VISIBLE });

  /** @param {() => void} [onSeen] called whenever one more has been seen */
  constructor(onSeen) {
    this.#seen = new SeenAlerts(onSeen);
    document.addEventListener("visibilitychange", () => this.#tell());
  }

  /** Whether this alert has been seen. @param {import("../live/alerts.js").AreaAlert} alert */
  has(alert) {
    return this.#seen.has(alertKey(alert));
  }

  /**
   * Observes the present content of this element only. Call it when the content has changed.
   * @param {HTMLElement} root
   */
  look(root) {
    const nodes = [...root.querySelectorAll("[data-alerts]")];
    const present = new Set(nodes.flatMap(keysIn));
    this.#observer.disconnect();
    for (const node of nodes) this.#observer.observe(node);
    for (const key of this.#visible) if (!present.has(key)) this.#visible.delete(key);
    this.#seen.keep(present);
  }

  #note(entries) {
    for (const { target, isIntersecting } of entries) {
      for (const key of keysIn(target)) this.#visible[isIntersecting ? "add" : "delete"](key);
      if (!isIntersecting) for (const key of keysIn(target)) this.#seen.vanish(key);
    }
    this.#tell();
  }

  #tell() {
    const act = document.visibilityState === "visible" ? "appear" : "vanish";
    for (const key of this.#visible) this.#seen[act](key);
  }
}
