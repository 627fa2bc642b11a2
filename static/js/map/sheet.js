/** A form at the lower edge of a small screen, where a popup would have no room. popup.js uses it like a popup. */

const PIN = 48; // pixels kept free for a pin above the sheet and below the map's upper edge

export class Sheet {
  #map;
  #element = document.createElement("div");
  #onClose = () => {};

  /** @param {object} map of the library */
  constructor(map) {
    this.#map = map;
    this.#element.className = "map-sheet";
  }

  getElement() {
    return this.#element;
  }

  /** @param {Node} content */
  setDOMContent(content) {
    this.#element.replaceChildren(content);
    return this;
  }

  /** A sheet has no position of its own. */
  setLngLat() {
    return this;
  }

  /** @param {"close"} _ @param {() => void} listener */
  on(_, listener) {
    this.#onClose = listener;
  }

  addTo() {
    this.#map.getContainer().after(this.#element);
  }

  remove() {
    this.#element.remove();
    this.#onClose();
  }

  /** Moves the map so that a position stays visible above the sheet. @param {[number, number]} at */
  uncover(at) {
    const { top, bottom } = this.#map.getContainer().getBoundingClientRect();
    const free = Math.max(PIN, Math.min(bottom, this.#element.getBoundingClientRect().top) - top);
    const { y } = this.#map.project(at);
    if (y < PIN || y > free) this.#map.panBy([0, Math.round(y - (free + PIN) / 2)], { animate: false });
  }
}
