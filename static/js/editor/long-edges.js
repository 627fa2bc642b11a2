/**
 * Asks about a polygon with an edge longer than 180°. Most tools write polygons across the antimeridian with longitudes
 * from -180 to 180. Taken literally, they are a band round the world.
 */

import { hasLongEdge, shortWay } from "../base/geojson.js";

/** @typedef {import("../base/geojson.js").Polygon} Polygon */

export class LongEdges {
  #fieldset;
  /**
   * Both polygons by the values of the radio buttons; null without a question.
   * @type {{cross: Polygon, keep: Polygon} | null}
   */
  #ways = null;

  /** @param {HTMLFieldSetElement} fieldset with a radio button for each way @param {() => void} onChoice */
  constructor(fieldset, onChoice) {
    this.#fieldset = fieldset;
    fieldset.addEventListener("change", () => this.#ways && onChoice());
  }

  /** Whether the page came with the question. */
  get wasAsked() {
    return !this.#fieldset.disabled;
  }

  /** Whether the long way is chosen. */
  get keeps() {
    return this.#fieldset.querySelector(":checked").value === "keep";
  }

  /** The way that is not chosen, to be shown beside the other; null when nothing is asked. */
  get other() {
    return this.#ways && (this.keeps ? this.#ways.cross : this.#ways.keep);
  }

  /** The way that is chosen; null when nothing is asked. */
  get chosen() {
    return this.#ways && (this.keeps ? this.#ways.keep : this.#ways.cross);
  }

  /**
   * Asks if need be.
   * @param {Polygon | null} polygon
   * @param {boolean} keep what is chosen first
   * @returns {Polygon | null} the chosen way
   */
  ask(polygon, keep) {
    const cross = polygon && hasLongEdge(polygon) ? shortWay(polygon) : null;
    this.#ways = cross && { cross, keep: polygon };
    const isNew = cross && this.#fieldset.hidden;
    this.#fieldset.hidden = this.#fieldset.disabled = !cross;
    if (isNew) this.#fieldset.scrollIntoView({ block: "nearest" });
    this.#fieldset.querySelector(`[value=${keep ? "keep" : "cross"}]`).checked = true;
    return this.chosen ?? polygon;
  }
}
