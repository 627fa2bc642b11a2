/**
 * A map with the basemap and Tracker's layers, and the operations that pages need. It knows neither the store nor the
 * pages.
 */

import { pointAt } from "../base/geojson.js";
import { AreaLayer } from "./areas.js";
import { buttonsControl } from "./controls.js";
import { FIT_PADDING, fitting, POINT_ZOOM } from "./fitting.js";
import { IncidentLayer } from "./incidents.js";
import { makePin, placeElement } from "./markers.js";
import { onMenu, onPick } from "./pointer.js";
import { MapPopup } from "./popup.js";
import { addImages, repaint } from "./style.js";
import { sayNoStreets } from "./no-streets.js";
import { drawTexts } from "./text-images.js";
import { onPaletteChange, readPalette } from "../base/palette.js";
import { bringWorld } from "./world.js";

const CITY_ZOOM = 11; // at which a city fills the map
const SCALE = 150; // pixels: at half of it, its least width, the label still fits

/**
 * @typedef {import("../base/geojson.js").Point} Point
 * @typedef {import("../base/geojson.js").Position} Position
 * @typedef {import("./clusters.js").Feature} Feature
 * @typedef {import("./pointer.js").SourceName} SourceName
 * @typedef {import("./pointer.js").Picked} Picked
 */

export class MapView {
  #library;
  #popup;
  #layers;

  /**
   * @param {object} map of the library
   * @param {object} library its exports
   * @param {import("./basemap.js").MapConfig} config
   * @param {Promise<unknown>} before what is loaded before the world
   */
  constructor(map, library, config, before) {
    /** The library's own map, for draw.js and for tests. */
    this.map = map;
    this.#library = library;
    this.#popup = new MapPopup(map, library);
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    map.addControl(new library.NavigationControl({ showCompass: false }), "bottom-right");
    map.addControl(new library.ScaleControl({ maxWidth: SCALE, unit: "metric" }), "bottom-left");
    this.#layers = { incidents: new IncidentLayer(map), areas: new AreaLayer(map) };
    /** @type {Promise<void>} */
    this.loaded = new Promise((done) => map.once("style.load", () => done(addImages(map, readPalette()))));
    map.once("style.load", () => bringWorld(map, config, before));
    sayNoStreets(map, config);
    map.once("idle", () => this.#foldCredits());
    const texts = drawTexts(map);
    onPaletteChange((palette) => {
      repaint(map, config, palette);
      texts.repaint(palette);
    });
  }

  /** Replaces all features of a source by these. @param {SourceName} source @param {Feature[]} features */
  setFeatures(source, features) {
    this.#layers[source].set(features);
  }

  /**
   * Shows the new state of one feature, or removes it.
   * @param {SourceName} source
   * @param {number} key
   * @param {Feature | null} feature
   */
  putFeature(source, key, feature) {
    this.#layers[source].put(key, feature);
  }

  /**
   * Shows all of the geometries, as large as they fit. Without any it does nothing.
   * @param {Iterable<import("../base/geojson.js").Geometry>} geometries
   * @param {{animate?: boolean, maxZoom?: number}} [options] maxZoom: by default that of a point, and none for polygons
   */
  fit(geometries, { animate = false, maxZoom } = {}) {
    const found = fitting(geometries);
    if (found) this.map.fitBounds(found.box, { padding: FIT_PADDING, maxZoom: maxZoom ?? found.maxZoom, animate });
  }

  /** Flies to a position, and comes at least as near as the zoom. @param {[number, number]} centre */
  fly(centre, zoom = POINT_ZOOM, { animate = true } = {}) {
    this.map.flyTo({ center: centre, zoom: Math.max(this.map.getZoom(), zoom), animate });
  }

  /** Adds buttons below those for the zoom. @param {Parameters<typeof buttonsControl>[0]} buttons */
  addButtons(buttons) {
    this.map.addControl(buttonsControl(buttons), "bottom-right");
  }

  /** Flies to an incident, at least as near as it stands alone and in no cluster. @param {Feature} feature */
  flyToIncident(feature, { animate = true } = {}) {
    const alone = Math.max(CITY_ZOOM, this.#layers.incidents.aloneFrom(feature));
    this.fly(feature.geometry.coordinates, alone, { animate });
  }

  /** The middle of the box around a geometry. @param {import("../base/geojson.js").Geometry} geometry */
  centreOf(geometry) {
    const [west, south, east, north] = fitting([geometry]).box;
    return pointAt((west + east) / 2, (south + north) / 2).coordinates;
  }

  /** @returns {import("../base/geojson.js").Box} west and east may be beyond ±180 */
  bounds() {
    const box = this.map.getBounds();
    return [box.getWest(), box.getSouth(), box.getEast(), box.getNorth()];
  }

  /** @param {() => void} listener called when the view has come to rest */
  onMoved(listener) {
    this.map.on("moveend", listener);
  }

  /** @param {(point: Point) => void} listener */
  onClick(listener) {
    this.map.on("click", ({ lngLat }) => listener(pointAt(lngLat.lng, lngLat.lat)));
  }

  /**
   * Calls the listener with the position of a right click, a long touch or the menu key.
   * @param {(point: Point) => void} listener
   */
  onMenu(listener) {
    onMenu(this.map, listener);
  }

  /**
   * Calls the listener with the features that a click hits. A click on a cluster zooms in instead.
   * @param {(picked: Picked) => void} listener
   */
  onPick(listener) {
    onPick(this.map, listener);
  }

  /** @returns {[number, number]} the middle of the view */
  get centre() {
    const { lng, lat } = this.map.getCenter();
    return pointAt(lng, lat).coordinates;
  }

  /**
   * The distance of two positions on the screen, between their nearest copies.
   * @param {Position} a
   * @param {Position} b
   * @returns {number} pixels
   */
  pixels(a, b) {
    const { x, y } = this.map.project(a);
    const copies = [-360, 0, 360].map((turn) => this.map.project([b[0] + turn, b[1]]));
    return Math.min(...copies.map((other) => Math.hypot(other.x - x, other.y - y)));
  }

  /** Whether the map has the keyboard focus. */
  get hasFocus() {
    return document.activeElement === this.map.getCanvas();
  }

  /** Adapts the map at once when the size of its element has changed. */
  resize() {
    this.map.resize();
  }

  /** Gives the map the keyboard focus. */
  focus() {
    this.map.getCanvas().focus();
  }

  /** Opens the popup of this map. @param {Parameters<MapPopup["open"]>} how */
  popup(...how) {
    this.#popup.open(...how);
  }

  /** Changes the position and content of the open popup. @param {[number, number]} at @param {Node} content */
  refillPopup(at, content) {
    this.#popup.refill(at, content);
  }

  /** Moves the open popup. @param {[number, number]} at */
  movePopup(at) {
    this.#popup.move(at);
  }

  closePopup() {
    this.#popup.close();
  }

  /** Puts an element of the page at a position of the map: see markers.js. */
  place(element, at, drag) {
    return placeElement(this.map, this.#library, element, at, drag);
  }

  /**
   * The position so many pixels away from another.
   * @param {[number, number]} at
   * @param {number} right
   * @param {number} down
   */
  shifted(at, right, down) {
    const { x, y } = this.map.project(at);
    const { lng, lat } = this.map.unproject([x + right, y + down]);
    return pointAt(lng, lat).coordinates;
  }

  /** Makes a pin that can be dragged: see markers.js. */
  pin(onDragged) {
    return makePin(this.map, this.#library, onDragged);
  }

  /**
   * Shows a polygon that is not a feature: one being typed, or the accuracy of a location.
   * @param {object | null} polygon
   * @param {object | null} [other] its other possible meaning, drawn dotted
   */
  setOutline(polygon, other = null) {
    const shown = [
      [polygon, {}],
      [other, { other: true }],
    ].filter(([geometry]) => geometry);
    const features = shown.map(([geometry, properties]) => ({ type: "Feature", properties, geometry }));
    this.map.getSource("outline").setData({ type: "FeatureCollection", features });
  }

  /** Folds the credits of a narrow map away behind their button. */
  #foldCredits() {
    this.map.getContainer().querySelector(".maplibregl-compact-show")?.classList.remove("maplibregl-compact-show");
  }
}
