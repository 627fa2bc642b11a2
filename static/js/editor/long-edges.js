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

  /** Whether the page already had the question. */
  get wasAsked() {
    return !this.#fieldset.disabled;
  }

  /** Whether the long way is chosen. */
  get keeps() {
    return this.#fieldset.querySelector(":checked").value === "keep";
  }

  /** The polygon of the way that is not chosen, for the map; null without a question. */
  get other() {
    return this.#ways && (this.keeps ? this.#ways.cross : this.#ways.keep);
  }

  /** The polygon of the chosen way; null without a question. */
  get chosen() {
    return this.#ways && (this.keeps ? this.#ways.keep : this.#ways.cross);
  }

  /**
   * Asks if the polygon has a long edge.
   * @param {Polygon | null} polygon
   * @param {boolean} keep whether the long way is preselected
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
