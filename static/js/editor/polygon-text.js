/** The polygon as text that a person can type, with its error. */

import { format, parsePolygon, TypedError } from "../base/geojson.js";

/** @typedef {import("../base/geojson.js").Polygon} Polygon */

export class PolygonText {
  #area;
  #complaint;

  /** @param {HTMLTextAreaElement} area @param {HTMLElement} complaint gets the error */
  constructor(area, complaint) {
    this.#area = area;
    this.#complaint = complaint;
    area.addEventListener("change", () => this.#say(this.problem));
  }

  /** The error of the text, or "". */
  get problem() {
    try {
      this.read();
      return "";
    } catch (error) {
      if (error instanceof TypedError) return error.message;
      throw error;
    }
  }

  /** @returns {Polygon | null} null when nothing is typed; throws a TypedError */
  read() {
    return this.#area.value.trim() === "" ? null : parsePolygon(this.#area.value);
  }

  /** @param {Polygon | null} polygon */
  write(polygon) {
    this.#area.value = polygon ? format(polygon) : "";
    this.#say("");
  }

  /** @param {(polygon: Polygon | null) => void} listener called while a polygon, or nothing, is typed */
  onTyped(listener) {
    this.#area.addEventListener("input", () => {
      if (this.problem) return;
      this.#say("");
      listener(this.read());
    });
  }

  #say(sentence) {
    this.#complaint.textContent = sentence;
    this.#complaint.hidden = sentence === "";
    if (sentence) this.#area.setAttribute("aria-invalid", "true");
    else this.#area.removeAttribute("aria-invalid");
  }
}
