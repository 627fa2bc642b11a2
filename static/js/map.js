/**
 * The only module that knows the map library: makes a map with the world and Tracker's own layers, and offers the few
 * things that pages do with one. It knows neither the store nor the pages.
 */

import { basemap } from "./basemap.js";
import { DiffQueue } from "./diff-queue.js";
import { bounds as boundsOf, pointAt } from "./geojson.js";
import { hatchImage, PIXEL_RATIO, severityImage } from "./icons.js";
import { HATCH, iconName, trackerLayers, trackerSources } from "./layers.js";
import { onPaletteChange, readPalette } from "./palette.js";
import { SEVERITIES } from "./severity.js";
import { openStreets } from "./streets.js";
import { bringWorld } from "./world.js";

const MAX_FIT_ZOOM = 7; // a single point is shown with coasts, borders and towns around it
const FLY_ZOOM = 8;
const NARROW = 640; // pixels: below it the credits fold away behind their button
const FIT_PADDING = 48; // pixels
const LONG_PRESS_MS = 600;
const SCALE = 150; // pixels: half of it, the shortest that the scale gets, holds its words
const EDGE = 8; // pixels kept free around what is brought into view
const FINGER = 8; // pixels around a click within which something counts as hit
const WORLD = [-170, -56, 190, 74];
const PICKABLE = ["incidents", "clusters", "area-fill"];

/**
 * @typedef {import("./geojson.js").Point} Point
 * @typedef {import("./geojson.js").Position} Position
 * @typedef {import("./messages.js").Feature} Feature
 * @typedef {"incidents" | "areas"} SourceName
 * @typedef {{source: SourceName, keys: number[], at: [number, number]}} Picked keys: primary keys, without doubles
 */

export const readConfig = () => JSON.parse(document.getElementById("map-config").textContent);

/**
 * Makes a map in the element, or says in it why there is none (then every form can still be typed).
 * @param {HTMLElement} container
 * @param {{hash?: boolean, bounds?: [number, number, number, number] | null}} [options] hash: keep the view in the address
 * @returns {Promise<MapView | null>} once it can show features
 */
export async function createMap(container, { hash = false, bounds = null } = {}) {
  const config = readConfig();
  try {
    const library = await import(new URL(`${config.vendor}maplibre-gl.mjs`, location.href).href);
    config.streets = await openStreets(config, library);
    const map = new library.Map({
      container,
      style: completeStyle(config, readPalette()),
      bounds: bounds ?? WORLD,
      fitBoundsOptions: { padding: FIT_PADDING, maxZoom: MAX_FIT_ZOOM },
      hash: hash && "map",
      dragRotate: false,
      touchPitch: false,
      pitchWithRotate: false,
      fadeDuration: 0, // labels that fade in cost a whole picture each time, dear without a graphics card
      validateStyle: false,
      attributionControl: { compact: container.clientWidth < NARROW },
    });
    const view = new MapView(map, library, config);
    await view.loaded;
    return view;
  } catch (error) {
    console.warn("No map:", error);
    container.replaceChildren(Object.assign(document.createElement("p"), {
      className: "map-fallback",
      textContent: "This browser cannot show the map (it needs WebGL 2).",
    }));
    return null;
  }
}

function completeStyle(config, palette) {
  const world = basemap(config, palette);
  return {
    ...world,
    sources: { ...world.sources, ...trackerSources() },
    layers: [...world.layers, ...trackerLayers(palette)],
  };
}

export class MapView {
  #library;
  #config;
  #popup = null;
  #queues = {};

  /** @param {object} map of the library @param {object} library its exports @param {import("./basemap.js").MapConfig} config */
  constructor(map, library, config) {
    /** The library's own map: for draw.js, and to look into while testing. */
    this.map = map;
    this.#library = library;
    this.#config = config;
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    map.addControl(new library.NavigationControl({ showCompass: false }), "bottom-right");
    map.addControl(new library.ScaleControl({ maxWidth: SCALE }), "bottom-left");
    for (const name of ["incidents", "areas"]) this.#queues[name] = new DiffQueue((diff) => map.getSource(name).updateData(diff));
    /** @type {Promise<void>} */
    this.loaded = new Promise((done) => map.once("style.load", () => done(this.#dress(readPalette()))));
    map.once("style.load", () => bringWorld(map, config));
    map.once("idle", () => this.#foldCredits());
    onPaletteChange((palette) => this.#redress(palette));
  }

  /** Shows exactly these. @param {SourceName} source @param {Feature[]} features */
  setFeatures(source, features) {
    this.#queues[source].clear();
    this.map.getSource(source).setData({ type: "FeatureCollection", features });
  }

  /** Shows one as it is now, or no more. @param {SourceName} source @param {number} key @param {Feature | null} feature */
  putFeature(source, key, feature) {
    this.#queues[source].put(key, feature);
  }

  /** @param {Iterable<object>} geometries does nothing without any */
  fit(geometries, { animate = false, maxZoom = MAX_FIT_ZOOM } = {}) {
    const box = boundsOf(geometries);
    if (box) this.map.fitBounds(box, { padding: FIT_PADDING, maxZoom, animate });
  }

  /** @param {[number, number]} centre */
  fly(centre) {
    this.map.flyTo({ center: centre, zoom: Math.max(this.map.getZoom(), FLY_ZOOM) });
  }

  /** @returns {[number, number, number, number]} west, south, east, north; west and east may be beyond ±180 */
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

  /** Tells where a right click, a long touch or the menu key was. @param {(point: Point) => void} listener */
  onMenu(listener) {
    let timer;
    const tell = ({ lngLat }) => listener(pointAt(lngLat.lng, lngLat.lat));
    this.map.on("contextmenu", (event) => {
      clearTimeout(timer);
      tell(event);
    });
    this.map.on("touchstart", (event) => {
      clearTimeout(timer);
      if (event.points.length === 1) timer = setTimeout(tell, LONG_PRESS_MS, event); // some phones have no menu event
    });
    for (const end of ["touchend", "touchmove", "touchcancel", "move"]) this.map.on(end, () => clearTimeout(timer));
  }

  /** @returns {[number, number]} what is in the middle of the view */
  get centre() {
    const { lng, lat } = this.map.getCenter();
    return pointAt(lng, lat).coordinates;
  }

  /** How far apart two places are drawn, on whichever copy of the world. @param {Position} a @param {Position} b @returns {number} pixels */
  pixels(a, b) {
    const { x, y } = this.map.project(a);
    const copies = [-360, 0, 360].map((turn) => this.map.project([b[0] + turn, b[1]]));
    return Math.min(...copies.map((other) => Math.hypot(other.x - x, other.y - y)));
  }

  /** Whether the map takes the keys. */
  get hasFocus() {
    return document.activeElement === this.map.getCanvas();
  }

  /** Lets the map take the keys again. */
  focus() {
    this.map.getCanvas().focus();
  }

  /** Tells what was hit by a click; one on a cluster comes closer instead. @param {(picked: Picked) => void} listener */
  onPick(listener) {
    this.map.on("click", (event) => this.#pick(event, listener));
    this.map.on("mousemove", ({ point }) => {
      const layers = ["incidents", "clusters"];
      this.map.getCanvas().style.cursor = this.map.queryRenderedFeatures(point, { layers }).length > 0 ? "pointer" : "";
    });
  }

  /**
   * Opens the one popup of this map. Escape closes it.
   * @param {[number, number]} at @param {Node} content @param {() => void} [onClose]
   * @param {{sticky?: boolean}} [options] sticky: a click on the map leaves it open, and the map moves until all of it is seen
   */
  popup(at, content, onClose = () => {}, { sticky = false } = {}) {
    this.closePopup();
    this.#popup = new this.#library.Popup({ maxWidth: "20rem", offset: 14, focusAfterOpen: false, closeOnClick: !sticky, ...(sticky && { anchor: "top" }) }).setLngLat(at).setDOMContent(content);
    this.#popup.on("close", onClose);
    this.#popup.addTo(this.map);
    this.#popup.getElement().addEventListener("keydown", ({ key }) => key === "Escape" && this.closePopup());
    if (sticky) this.#bringIntoView(this.#popup.getElement());
  }

  #bringIntoView(element) {
    const inner = element.getBoundingClientRect();
    const outer = this.map.getContainer().getBoundingClientRect();
    const right = Math.max(0, inner.right + EDGE - outer.right) - Math.max(0, outer.left + EDGE - inner.left);
    const down = Math.max(0, inner.bottom + EDGE - outer.bottom);
    if (right !== 0 || down !== 0) this.map.panBy([right, down], { animate: false });
  }

  /** Gives the open popup another place and content. @param {[number, number]} at @param {Node} content */
  refillPopup(at, content) {
    this.#popup?.setLngLat(at).setDOMContent(content);
  }

  /** Takes the open popup elsewhere. @param {[number, number]} at */
  movePopup(at) {
    this.#popup?.setLngLat(at);
  }

  closePopup() {
    this.#popup?.remove();
    this.#popup = null;
  }

  /**
   * Puts an element of the page at a place of the map.
   * @param {HTMLElement} element @param {[number, number]} at
   * @param {{onDrag?: (at: Position) => void, onDragEnd?: (at: Position) => void}} [drag] without it the element stays where it is
   * @returns {{remove: () => void, move: (at: [number, number]) => void}}
   */
  place(element, at, { onDrag, onDragEnd } = {}) {
    const marker = new this.#library.Marker({ element, draggable: Boolean(onDragEnd) }).setLngLat(at).addTo(this.map);
    const here = () => pointAt(marker.getLngLat().lng, marker.getLngLat().lat).coordinates;
    marker.on("drag", () => onDrag?.(here()));
    marker.on("dragend", () => onDragEnd?.(here()));
    return { remove: () => marker.remove(), move: (to) => marker.setLngLat(to) };
  }

  /** The place so many pixels away from another. @param {[number, number]} at @param {number} right @param {number} down */
  shifted(at, right, down) {
    const { x, y } = this.map.project(at);
    const { lng, lat } = this.map.unproject([x + right, y + down]);
    return pointAt(lng, lat).coordinates;
  }

  /**
   * A pin that can be dragged. It is put on the map by `move`.
   * @param {(point: Point) => void} onDragged
   * @returns {{move: (point: Point | null) => void}}
   */
  pin(onDragged) {
    const marker = new this.#library.Marker({ draggable: true, color: readPalette()["map-accent"] });
    marker.on("dragend", () => onDragged(pointAt(marker.getLngLat().lng, marker.getLngLat().lat)));
    return {
      move: (point) => {
        if (point) marker.setLngLat(point.coordinates).addTo(this.map);
        else marker.remove();
      },
    };
  }

  /** Shows the outline of a polygon that is being typed. @param {object | null} polygon */
  setOutline(polygon) {
    this.setAccuracy(polygon);
  }

  /** @param {object | null} polygon how far off a location may be */
  setAccuracy(polygon) {
    const features = polygon ? [{ type: "Feature", properties: {}, geometry: polygon }] : [];
    this.map.getSource("accuracy").setData({ type: "FeatureCollection", features });
  }

  async #pick({ point, lngLat }, listener) {
    const box = [[point.x - FINGER, point.y - FINGER], [point.x + FINGER, point.y + FINGER]];
    const hits = this.map.queryRenderedFeatures(box, { layers: ["incidents", "clusters"] });
    const areas = hits.length > 0 ? [] : this.map.queryRenderedFeatures(point, { layers: ["area-fill"] });
    const [top] = hits.length > 0 ? hits : areas;
    if (!top) return;
    if (top.layer.id === "clusters") return this.#openCluster(top);
    const same = [...hits, ...areas].filter((each) => each.layer.id === top.layer.id);
    const keys = [...new Set(same.map((each) => each.properties.pk))];
    const at = top.layer.id === "incidents" ? top.geometry.coordinates : [lngLat.lng, lngLat.lat];
    listener({ source: top.layer.id === "incidents" ? "incidents" : "areas", keys, at });
  }

  async #openCluster(cluster) {
    const zoom = await this.map.getSource("incidents").getClusterExpansionZoom(cluster.properties.cluster_id);
    this.map.easeTo({ center: cluster.geometry.coordinates, zoom });
  }

  #dress(palette) {
    for (const severity of SEVERITIES) {
      this.map.addImage(iconName(severity), severityImage(severity.code, palette), { pixelRatio: PIXEL_RATIO });
    }
    this.map.addImage(HATCH, hatchImage(palette), { pixelRatio: PIXEL_RATIO });
  }

  #redress(palette) {
    for (const severity of SEVERITIES) this.map.updateImage(iconName(severity), severityImage(severity.code, palette));
    this.map.updateImage(HATCH, hatchImage(palette));
    for (const { id, paint = {} } of completeStyle(this.#config, palette).layers) {
      for (const [property, value] of Object.entries(paint)) this.map.setPaintProperty(id, property, value);
    }
  }

  /** On a narrow map the credits, once shown, fold away behind their button. */
  #foldCredits() {
    this.map.getContainer().querySelector(".maplibregl-compact-show")?.classList.remove("maplibregl-compact-show");
  }
}
