/**
 * The chosen vertex of the edited polygon: a focusable marker around it, which handles the keys. A click, a tap or the
 * next key chooses a vertex. Then the keys can move and remove it.
 */

import { count, nearest, neighbour, positionOf, withVertexAt, withoutVertex } from "./vertices.js";
import { element } from "../base/elements.js";
import { t, tn } from "../base/translate.js";

const REACH = 18; // pixels around a vertex, for a fingertip
const STEPS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const STEP = 8; // pixels; 1 with Shift
const STEPS_BY_KEY = { PageDown: 1, PageUp: -1 };

/** @typedef {import("../base/geojson.js").Polygon} Polygon */

export class VertexChoice {
  #view;
  #actions;
  /** @type {import("./vertices.js").Vertex | null} */ #chosen = null;
  #count = 0;
  /** @type {ReturnType<import("../map/view.js").MapView["place"]> | null} */ #mark = null;
  #button;

  /** The hint about the chosen vertex; "" without one. */
  words = "";

  /**
   * @param {import("../map/view.js").MapView} view
   * @param {{polygon: () => Polygon | null, onMove: (polygon: Polygon, ring: number) => void, onRemove: (polygon:
   *   Polygon, ring: number) => void, onChoice: () => void}} actions
   *   polygon: the polygon whose vertices can be chosen now
   */
  constructor(view, actions) {
    this.#view = view;
    this.#actions = actions;
    this.#button = element("button", { type: "button", class: "ring corner" });
    this.#button.addEventListener("keydown", (event) => this.#key(event));
    view.onClick(({ coordinates }) => this.#click(coordinates));
  }

  get chosen() {
    return this.#chosen;
  }

  /** Chooses the next vertex, or the one before. @param {number} direction 1 or -1 */
  step(direction) {
    const polygon = this.#actions.polygon();
    if (!polygon) return;
    this.#choose(neighbour(polygon, this.#chosen, direction));
    this.#button.focus();
  }

  /** Removes the chosen vertex, and chooses the next one. */
  remove() {
    const polygon = this.#actions.polygon();
    if (!polygon || !this.#chosen) return;
    const { ring, index } = this.#chosen;
    const rest = withoutVertex(polygon, this.#chosen);
    if (!rest) {
      this.words = t("An area keeps at least three corners.");
      return this.#actions.onChoice();
    }
    const isRing = rest.coordinates.length === polygon.coordinates.length;
    this.#count = isRing ? count(rest, ring) : 0;
    this.#chosen = isRing ? { ring, index: index % this.#count } : null;
    const words = isRing
      ? tn(
          "The corner is gone, %(n)s is left. Undo brings it back.",
          "The corner is gone, %(n)s are left. Undo brings it back.",
          this.#count,
        )
      : t("The hole is gone. Undo brings it back.");
    if (!isRing) this.clear();
    this.words = words;
    this.#actions.onRemove(rest, isRing ? ring : 0);
  }

  /**
   * Moves the focus ring with its vertex after the polygon has changed. Clears the choice if vertices were added or
   * removed.
   * @param {Polygon | null} polygon
   */
  refresh(polygon) {
    if (!this.#chosen) return;
    const at = polygon && positionOf(polygon, this.#chosen);
    if (!at || count(polygon, this.#chosen.ring) !== this.#count) return this.clear();
    this.#mark.move(at);
    const place = { number: this.#chosen.index + 1, all: this.#count };
    const which = t("Corner %(number)s of %(all)s", place);
    const keys = t("arrow keys move it, Delete removes it, Page Down goes to the next");
    this.#button.setAttribute("aria-label", `${which}: ${keys}`);
  }

  clear() {
    const focused = document.activeElement === this.#button;
    this.#mark?.remove();
    this.#mark = this.#chosen = null;
    this.words = "";
    if (focused) this.#view.focus();
  }

  #choose(vertex) {
    const polygon = this.#actions.polygon();
    this.#chosen = vertex;
    this.#count = count(polygon, vertex.ring);
    const place = { number: vertex.index + 1, all: this.#count };
    this.words =
      vertex.ring > 0
        ? t("Corner %(number)s of %(all)s of a hole. Delete removes it, the arrow keys move it.", place)
        : t("Corner %(number)s of %(all)s. Delete removes it, the arrow keys move it.", place);
    this.#mark ??= this.#view.place(this.#button, positionOf(polygon, vertex));
    this.refresh(polygon);
    this.#actions.onChoice();
  }

  #click(at) {
    const polygon = this.#actions.polygon();
    if (!polygon) return;
    const vertex = nearest(polygon, (position) => this.#view.pixels(position, at), REACH);
    if (vertex) {
      this.#choose(vertex);
      return this.#button.focus({ preventScroll: true });
    }
    if (!this.#chosen) return;
    this.clear();
    this.#actions.onChoice();
  }

  #key(event) {
    if (event.key in STEPS_BY_KEY) this.step(STEPS_BY_KEY[event.key]);
    else if (event.key === "Escape") {
      this.clear();
      this.#actions.onChoice();
    } else if (event.key in STEPS) {
      const [right, down] = STEPS[event.key].map((direction) => direction * (event.shiftKey ? 1 : STEP));
      const polygon = this.#actions.polygon();
      const to = this.#view.shifted(positionOf(polygon, this.#chosen), right, down);
      this.#actions.onMove(withVertexAt(polygon, this.#chosen, to), this.#chosen.ring);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
