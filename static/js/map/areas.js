/** The layer of areas: the map library holds them all and gets each change. */

import { DiffQueue } from "./diff-queue.js";

export class AreaLayer {
  #map;
  #queue;

  /** @param {object} map of the library */
  constructor(map) {
    this.#map = map;
    this.#queue = new DiffQueue((diff) => map.getSource("areas").updateData(diff));
  }

  /** Replaces all features by these. @param {import("./clusters.js").Feature[]} features */
  set(features) {
    this.#queue.clear();
    this.#map.getSource("areas").setData({ type: "FeatureCollection", features });
  }

  /**
   * Shows the new state of one feature, or removes it.
   * @param {number} key
   * @param {import("./clusters.js").Feature | null} feature
   */
  put(key, feature) {
    this.#queue.put(key, feature);
  }
}
