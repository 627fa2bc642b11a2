/** The areas on the map: the map library has them all, and is told of changes. */

import { DiffQueue } from "./diff-queue.js";

export class AreaLayer {
  #map;
  #queue;

  /** @param {object} map of the library */
  constructor(map) {
    this.#map = map;
    this.#queue = new DiffQueue((diff) => map.getSource("areas").updateData(diff));
  }

  /** Shows exactly these. @param {import("./clusters.js").Feature[]} features */
  set(features) {
    this.#queue.clear();
    this.#map.getSource("areas").setData({ type: "FeatureCollection", features });
  }

  /**
   * Shows one as it is now, or no more.
   * @param {number} key
   * @param {import("./clusters.js").Feature | null} feature
   */
  put(key, feature) {
    this.#queue.put(key, feature);
  }
}
