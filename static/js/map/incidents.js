/**
 * The layer of incidents: holds them all, and gives the map library those in and around the view, clustered for its
 * zoom.
 */

import { aloneFrom, clustered, placeOf } from "./clusters.js";
import { covers, grown } from "./graticule.js";
import { Throttle } from "../base/throttle.js";

/** @type {import("../base/geojson.js").Box} */
const NOWHERE = [0, 0, 0, 0];

export class IncidentLayer {
  #map;
  #throttle;
  /** @type {Map<number, import("./clusters.js").Place>} */ #places = new Map();
  #drawn = { zoom: -1, box: NOWHERE };

  /** @param {object} map of the library */
  constructor(map) {
    this.#map = map;
    this.#throttle = new Throttle(() => this.#draw());
    map.on("move", () => this.#follow());
  }

  /** Replaces all features by these. @param {import("./clusters.js").Feature[]} features */
  set(features) {
    this.#places = new Map(features.map((feature) => [feature.properties.pk, placeOf(feature)]));
    this.#throttle.request();
  }

  /**
   * Shows the new state of one feature, or removes it.
   * @param {number} key
   * @param {import("./clusters.js").Feature | null} feature
   */
  put(key, feature) {
    if (feature) this.#places.set(key, placeOf(feature));
    else this.#places.delete(key);
    this.#throttle.request();
  }

  /**
   * The zoom from which an incident stands alone in the middle of the map, the present one or a closer one.
   * @param {import("./clusters.js").Feature} feature
   */
  aloneFrom(feature) {
    const { clientWidth, clientHeight } = this.#map.getContainer();
    return aloneFrom(this.#places.values(), feature, this.#seen().zoom, [clientWidth, clientHeight]);
  }

  /** @returns {{zoom: number, box: import("../base/geojson.js").Box}} */
  #seen() {
    const bounds = this.#map.getBounds();
    return {
      zoom: Math.max(0, Math.floor(this.#map.getZoom())),
      box: [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()],
    };
  }

  #follow() {
    if (this.#places.size === 0) return;
    const { zoom, box } = this.#seen();
    if (zoom !== this.#drawn.zoom || !covers(this.#drawn.box, box)) this.#throttle.request();
  }

  #draw() {
    const { zoom, box } = this.#seen();
    this.#drawn = { zoom, box: grown(box) };
    const features = clustered(this.#places.values(), zoom, this.#drawn.box);
    return this.#map.getSource("incidents").setData({ type: "FeatureCollection", features });
  }
}
