/** The popup of a map; there is one at a time. On a small screen a form is a sheet instead. */

import { Sheet } from "./sheet.js";

const EDGE = 8; // pixels kept free around a popup that is moved into view
const OFFSET = 14; // pixels between the position and the popup
const PIN = 40; // height of a pin in pixels
const SMALL = "(max-width: 48rem)"; // as in map.css

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
   * Opens the popup and closes the earlier one. Escape closes it.
   * @param {[number, number]} at @param {Node} content @param {() => void} [onClose]
   * @param {{sticky?: boolean}} [options] sticky: a click on the map leaves it open, and all of it is seen
   */
  open(at, content, onClose = () => {}, { sticky = false } = {}) {
    this.close();
    if (sticky && matchMedia(SMALL).matches) return this.#openSheet(at, content, onClose);
    const isBelow = this.#map.project(at).y < this.#map.getContainer().clientHeight / 2;
    /** @type {[number, number]} */
    const shift = [0, isBelow ? OFFSET : -PIN];
    const how = sticky ? { anchor: isBelow ? "top" : "bottom", offset: shift } : { offset: OFFSET };
    const options = { maxWidth: "20rem", focusAfterOpen: false, closeOnClick: !sticky, ...how };
    this.#popup = new this.#library.Popup(options).setLngLat(at).setDOMContent(content);
    this.#popup.on("close", onClose);
    this.#popup.addTo(this.#map);
    this.#popup.getElement().addEventListener("keydown", ({ key }) => key === "Escape" && this.close());
    if (sticky || !this.#map.isMoving()) this.#bringIntoView();
    if (sticky) this.#shiftIntoView(shift);
  }

  #openSheet(at, content, onClose) {
    const sheet = new Sheet(this.#map).setDOMContent(content);
    sheet.on("close", onClose);
    sheet.addTo();
    sheet.getElement().addEventListener("keydown", ({ key }) => key === "Escape" && this.close());
    sheet.uncover(at);
    this.#popup = sheet;
  }

  /** Changes its position and content. @param {[number, number]} at @param {Node} content */
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

  #bringIntoView() {
    const { right, down } = this.#hidden();
    if (right !== 0 || down !== 0) this.#map.panBy([right, down], { animate: false });
  }

  /** Shifts the popup itself, because a map that shows the whole world can't be moved far enough. */
  #shiftIntoView([x, y]) {
    const { right, down } = this.#hidden();
    this.#popup.setOffset([x - right, y - down]);
  }

  /** How far it lies out of view, in pixels. */
  #hidden() {
    const inner = this.#popup.getElement().getBoundingClientRect();
    const outer = this.#map.getContainer().getBoundingClientRect();
    const beyond = (from, to, start, end) => Math.max(0, end + EDGE - to) || -Math.max(0, from + EDGE - start);
    return {
      right: beyond(outer.left, outer.right, inner.left, inner.right),
      down: beyond(outer.top, outer.bottom, inner.top, inner.bottom),
    };
  }
}
