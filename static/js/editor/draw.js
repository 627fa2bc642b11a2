/**
 * Drawing and editing one polygon with its holes, with terra-draw on a map of map.js. It can't edit holes, so every
 * ring is a polygon of its own here. The first is the outline, the others are holes.
 */

import { makeTerraDraw } from "./draw-modes.js";
import { readConfig } from "../map/map.js";
import { DECIMALS, round } from "../base/geojson.js";

/** @typedef {import("../base/geojson.js").Polygon} Polygon */

/**
 * @param {import("../map/view.js").MapView} view
 * @param {{onChange: (polygon: Polygon | null) => void, onStep: () => void}} options onChange: the person has changed
 *   the polygon; onStep: what can be undone, or whether something is being drawn, may have changed
 * @returns {Promise<Drawing>}
 */
export async function createDrawing(view, options) {
  const load = (name) => import(new URL(`${readConfig().vendor}${name}`, location.href).href);
  const [terraDraw, adapter] = await Promise.all([load("terra-draw.mjs"), load("terra-draw-maplibre-gl-adapter.mjs")]);
  return new Drawing(
    terraDraw,
    new adapter.TerraDrawMapLibreGLAdapter({ map: view.map, coordinatePrecision: DECIMALS }),
    options,
  );
}

export class Drawing {
  #draw;
  #options;
  #crosses;
  /** @type {(string | number)[]} ids of the rings, the outline first */ #rings = [];
  #drawsHole = false;

  constructor(terraDraw, adapter, options) {
    this.#options = options;
    this.#crosses = (feature) => !terraDraw.ValidateNotSelfIntersecting(feature).valid;
    this.#draw = makeTerraDraw(terraDraw, adapter);
    this.#draw.start();
    this.#draw.on("finish", (id, { action }) => this.#finished(id, action));
    this.#draw.on("change", (ids, type) => this.#changed(ids, type));
  }

  get drawing() {
    return this.#draw.getMode() === "polygon";
  }

  get drawsHole() {
    return this.drawing && this.#drawsHole;
  }

  /** Whether the drawn polygon crosses itself. */
  get crosses() {
    return this.#rings
      .map((id) => this.#draw.getSnapshotFeature(id))
      .some((feature) => feature && this.#crosses(feature));
  }

  /** Whether the ring being drawn would cross itself with a vertex at the pointer: then a click does nothing. */
  get wouldCross() {
    if (!this.drawing) return false;
    const isDrawn = ({ id, geometry }) => geometry.type === "Polygon" && !this.#rings.includes(id);
    return this.#draw.getSnapshot().filter(isDrawn).some(this.#crosses);
  }

  /** The polygon on the map at this moment, also during a drag. @returns {Polygon | null} */
  get polygon() {
    const features = this.#rings.map((id) => this.#draw.getSnapshotFeature(id));
    return features.length > 0 && features.every(Boolean)
      ? { type: "Polygon", coordinates: features.map(({ geometry }) => geometry.coordinates[0]) }
      : null;
  }

  /**
   * Shows this polygon for editing, one of its rings selected.
   * @param {Polygon | null} polygon
   * @returns {boolean} false if it can only be typed
   */
  show(polygon, ring = 0) {
    if (!this.#draw.enabled) this.#draw.start();
    this.#reset();
    if (!polygon) return true;
    const features = polygon.coordinates.map((ring, index) => ({
      id: this.#draw.getFeatureId(),
      type: "Feature",
      properties: { mode: "polygon", ...(index > 0 && { role: "hole" }) },
      geometry: {
        type: "Polygon",
        coordinates: [ring.map(([longitude, latitude]) => [round(longitude), round(latitude)])],
      },
    }));
    if (!this.#draw.addFeatures(features).every(({ valid }) => valid)) {
      this.#reset();
      return false;
    }
    this.#rings = features.map(({ id }) => id);
    this.#draw.selectFeature(this.#rings[ring]);
    return true;
  }

  /** Lets the next clicks draw an outline, which replaces the polygon. */
  drawOutline() {
    this.#drawsHole = false;
    this.#draw.setMode("polygon");
    this.#options.onStep();
  }

  /** Lets the next clicks draw a hole. */
  drawHole() {
    this.#drawsHole = true;
    this.#draw.setMode("polygon");
    this.#options.onStep();
  }

  /** Whether the last vertex of the ring being drawn can be undone. */
  get canUndo() {
    return this.#draw.canUndo();
  }

  get canRedo() {
    return this.#draw.canRedo();
  }

  undo() {
    this.#draw.undo();
    this.#options.onStep();
  }

  redo() {
    this.#draw.redo();
    this.#options.onStep();
  }

  /** Removes the selected ring: a hole, or with the outline the whole polygon. */
  removeSelected() {
    const selected = this.#rings.filter((id) => this.#draw.getSnapshotFeature(id)?.properties.selected);
    if (selected.length > 0) this.#draw.removeFeatures(selected);
  }

  /** Removes the polygon from the map, until `show`. */
  stop() {
    this.#reset();
    this.#draw.stop();
  }

  #reset() {
    this.#rings = [];
    this.#draw.setMode("select");
    this.#draw.clear();
  }

  #finished(id, action) {
    if (action === "draw") {
      if (this.#drawsHole && this.#rings.length > 0) {
        this.#draw.updateFeatureProperties(id, { role: "hole" });
        this.#rings.push(id);
      } else {
        const former = this.#rings;
        this.#rings = [id];
        this.#draw.removeFeatures(former);
      }
      this.#draw.selectFeature(id);
    }
    this.#tell();
  }

  #changed(ids, type) {
    const removed = type === "delete" && this.#rings.some((id) => ids.includes(id));
    if (!removed) return this.#options.onStep();
    const [outline] = this.#rings;
    const former = this.#rings.filter((id) => !ids.includes(id));
    this.#rings = ids.includes(outline) ? [] : former;
    if (this.#rings.length === 0) this.#draw.removeFeatures(former);
    this.#tell();
  }

  #tell() {
    this.#options.onChange(this.polygon);
  }
}
