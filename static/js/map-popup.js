/** The one popup of a map. */

const EDGE = 8; // pixels kept free around what is brought into view

export class MapPopup {
  #map;
  #library;
  #popup = null;

  /** @param {object} map of the library @param {object} library its exports */
  constructor(map, library) {
    this.#map = map;
    this.#library = library;
  }

  /**
   * Opens it in place of the one before. Escape closes it.
   * @param {[number, number]} at @param {Node} content @param {() => void} [onClose]
   * @param {{sticky?: boolean}} [options] sticky: a click on the map leaves it open, and the map moves until all of it is seen
   */
  open(at, content, onClose = () => {}, { sticky = false } = {}) {
    this.close();
    const options = { maxWidth: "20rem", offset: 14, focusAfterOpen: false, closeOnClick: !sticky, ...(sticky && { anchor: "top" }) };
    this.#popup = new this.#library.Popup(options).setLngLat(at).setDOMContent(content);
    this.#popup.on("close", onClose);
    this.#popup.addTo(this.#map);
    this.#popup.getElement().addEventListener("keydown", ({ key }) => key === "Escape" && this.close());
    if (sticky || !this.#map.isMoving()) this.#bringIntoView(this.#popup.getElement());
  }

  /** Gives it another place and content. @param {[number, number]} at @param {Node} content */
  refill(at, content) {
    this.#popup?.setLngLat(at).setDOMContent(content);
  }

  /** @param {[number, number]} at */
  move(at) {
    this.#popup?.setLngLat(at);
  }

  close() {
    this.#popup?.remove();
    this.#popup = null;
  }

  #bringIntoView(element) {
    const inner = element.getBoundingClientRect();
    const outer = this.#map.getContainer().getBoundingClientRect();
    const right = Math.max(0, inner.right + EDGE - outer.right) - Math.max(0, outer.left + EDGE - inner.left);
    const down = Math.max(0, inner.bottom + EDGE - outer.bottom);
    if (right !== 0 || down !== 0) this.#map.panBy([right, down], { animate: false });
  }
}
