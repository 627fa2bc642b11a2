/** The layers of areas and of their names: the map library holds them all and gets each change. */

import { nameFeature } from "./area-names.js";
import { DiffQueue } from "./diff-queue.js";

export class AreaLayer {
  #map;
  #queue;
  #names;

  /** @param {object} map of the library */
  constructor(map) {
    this.#map = map;
    this.#queue = new DiffQueue((diff) => map.getSource("areas").updateData(diff));
    this.#names = new DiffQueue((diff) => map.getSource("area-names").updateData(diff));
  }

  /** Replaces all features by these. @param {import("./clusters.js").Feature[]} features */
  set(features) {
    this.#queue.clear();
    this.#names.clear();
    this.#map.getSource("areas").setData({ type: "FeatureCollection", features });
    this.#map.getSource("area-names").setData({ type: "FeatureCollection", features: features.map(nameFeature) });
  }

  /**
   * Shows the new state of one feature, or removes it.
   * @param {number} key
   * @param {import("./clusters.js").Feature | null} feature
   */
  put(key, feature) {
    this.#queue.put(key, feature);
    this.#names.put(key, feature && nameFeature(feature));
  }
}
