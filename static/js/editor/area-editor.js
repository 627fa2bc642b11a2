/**
 * Edits one polygon on a map. A person draws or types it; both stay equal, and both can be undone. Says how many open
 * incidents lie inside. Works on the elements of templates/areas/_fields.html, on the form's page and beside the live
 * map.
 */

import { areaTools } from "./area-tools.js";
import { VertexChoice } from "./vertex-choice.js";
import { createDrawing } from "./draw.js";
import { History } from "./history.js";
import { insideCount } from "./inside-count.js";
import { LongEdges } from "./long-edges.js";
import { PolygonText } from "./polygon-text.js";
import { t } from "../base/translate.js";

const UNFINISHED = t("Finish what you are drawing by clicking its first corner, or press Esc to drop it.");

/** @typedef {import("../base/geojson.js").Polygon} Polygon */

export class AreaEditor {
  #part;
  #view;
  #text;
  #drawing;
  #vertexChoice;
  #tools;
  #longEdges;
  #history = new History(null);
  #nudged = null; // the polygon after the last arrow key; several keys in a row are one step to undo
  #editable = true;
  #open = false;
  #showing = false;
  #count;

  /**
   * @param {HTMLElement} root that holds the fields
   * @param {import("../map/view.js").MapView} view
   * @returns {Promise<AreaEditor>}
   */
  static async create(root, view) {
    const editor = new AreaEditor(root, view);
    editor.#drawing = await createDrawing(view, {
      onChange: (polygon) => editor.#drawn(polygon),
      onStep: () => editor.#showState(),
    });
    editor.#listen(root);
    return editor;
  }

  /** Use `create`. */
  constructor(root, view) {
    this.#part = (id) => root.querySelector(`#${id}`);
    this.#view = view;
    this.#text = new PolygonText(this.#part("polygon_geojson"), this.#part("polygon-problem"));
    this.#foldText();
    this.#count = insideCount(this.#part("inside-count"), this.#part("inside-count").dataset.address);
    this.#longEdges = new LongEdges(this.#part("long-edges"), () => this.#chooseWay());
    this.#vertexChoice = new VertexChoice(view, {
      polygon: () => (this.#open && this.#editable && !this.#drawing.drawing ? this.#drawing.polygon : null),
      onMove: (polygon, ring) => this.#nudge(polygon, ring),
      onRemove: (polygon, ring) => this.#change(polygon, ring),
      onChoice: () => {
        this.#nudged = null;
        this.#showState();
      },
    });
  }

  /** The text is for few people, unless it has a problem or a question. */
  #foldText() {
    const text = this.#part("polygon_geojson");
    const details = text.closest("details");
    details.open = text.hasAttribute("aria-invalid") || details.querySelector(".clash") !== null;
  }

  get polygon() {
    return this.#history.current;
  }

  /** Whether a ring is being drawn and not finished. */
  get isDrawing() {
    return this.#open && this.#drawing.drawing && this.#drawing.canUndo;
  }

  /** The reason why the polygon can't be saved, or "". */
  get problem() {
    return this.#text.problem || (this.isDrawing ? UNFINISHED : "");
  }

  /** Begins with the typed polygon, if the text is valid. */
  open() {
    this.#open = true;
    const typed = this.#text.problem ? null : this.#text.read();
    const keep = !this.#longEdges.wasAsked || this.#longEdges.keeps; // the stored polygon was decided before
    this.#history = new History(this.#longEdges.ask(typed, keep));
    this.#fit();
    this.#show(this.polygon);
  }

  /** Begins with this polygon, or with drawing a new one. @param {Polygon | null} polygon */
  openWith(polygon) {
    this.#text.write(polygon);
    this.#longEdges.ask(null, true);
    this.open();
  }

  /** Removes everything from the map. */
  close() {
    this.#open = false;
    this.#vertexChoice.clear();
    this.#drawing.stop();
    this.#longEdges.ask(null, false);
    this.#count(null, "");
  }

  #fit() {
    if (this.polygon) this.#view.fit([this.polygon]);
  }

  #chooseWay() {
    this.#change(this.#longEdges.chosen, 0);
    this.#fit();
  }

  #drawn(polygon) {
    const chosen = this.#longEdges.ask(polygon, Boolean(this.#longEdges.chosen) && this.#longEdges.keeps);
    if (chosen !== polygon) return this.#change(chosen, 0);
    this.#history.push(polygon);
    this.#text.write(polygon);
    if (!polygon) this.#drawing.drawOutline();
    this.#showState();
    this.#recount();
  }

  #show(polygon, ring = 0) {
    this.#showing = true; // meanwhile there is no polygon for a moment
    this.#editable = this.#drawing.show(polygon, ring);
    this.#showing = false;
    this.#view.setOutline(this.#editable ? null : polygon, this.#longEdges.other);
    if (!polygon) this.#drawing.drawOutline();
    this.#showState();
    this.#recount();
  }

  #change(polygon, ring) {
    this.#history.push(polygon);
    this.#text.write(polygon);
    this.#show(polygon, ring);
  }

  #nudge(polygon, ring) {
    if (this.#nudged && this.polygon === this.#nudged) this.#history.undo();
    this.#nudged = polygon;
    this.#change(polygon, ring);
  }

  #restore(polygon) {
    this.#longEdges.ask(polygon, true);
    this.#text.write(polygon);
    this.#show(polygon);
  }

  #undo() {
    if (this.#drawing.canUndo) this.#drawing.undo();
    else if (this.#history.canUndo) this.#restore(this.#history.undo());
  }

  #redo() {
    if (this.#drawing.canRedo) this.#drawing.redo();
    else if (this.#history.canRedo) this.#restore(this.#history.redo());
  }

  #recount() {
    this.#count(this.polygon, this.#part("polygon_geojson").form.elements.severity.value);
  }

  #showState() {
    const drawing = this.#drawing;
    if (!drawing || !this.#open || this.#showing) return;
    const hasVertices = Boolean(this.polygon) && this.#editable && !drawing.drawing;
    this.#vertexChoice.refresh(hasVertices ? drawing.polygon : null);
    this.#tools.show({
      drawing,
      hasVertices,
      choice: this.#vertexChoice,
      editable: this.#editable,
      canCut: Boolean(this.polygon) && this.#editable,
      canUndo: drawing.canUndo || this.#history.canUndo,
      canRedo: drawing.canRedo || this.#history.canRedo,
    });
  }

  #listen(root) {
    this.#text.onTyped((polygon) => {
      this.#history.push(this.#longEdges.ask(polygon, false));
      this.#show(this.polygon);
      this.#fit();
    });
    root.addEventListener("change", ({ target }) => target.name === "severity" && this.#recount());
    this.#tools = areaTools(this.#part, {
      isOpen: () => this.#open,
      outline: () => this.#drawing.drawOutline(),
      hole: () => this.#drawing.drawHole(),
      undo: () => this.#undo(),
      redo: () => this.#redo(),
      nextVertex: () => this.#vertexChoice.step(1),
      removeVertex: () => this.#vertexChoice.remove(),
      /** The Delete key removes the chosen vertex, or, on the map itself, the selected ring. */
      remove: ({ alsoRing }) =>
        this.#vertexChoice.chosen
          ? this.#vertexChoice.remove()
          : alsoRing && this.#view.hasFocus && this.#drawing.removeSelected(),
      giveUp: () => this.#drawing.drawing && this.polygon && this.#show(this.polygon),
    });
  }
}
