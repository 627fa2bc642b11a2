/**
 * Edits one polygon on a map: it is drawn or typed, each shows the other, and both can be undone. Says how many open
 * incidents lie inside. Works on the elements of templates/_area_fields.html, on the form's page and beside the live map.
 */

import { createDrawing } from "./draw.js";
import { format, parsePolygon, TypedError } from "./geojson.js";
import { History } from "./history.js";
import { insideCount } from "./inside-count.js";

const HINTS = {
  outline: "Click the map for each corner. Click the first corner again, or press Enter, to finish; Escape gives up.",
  hole: "Click inside the area for each corner of the hole, and the first corner again to finish; Escape gives up.",
  edit: "Drag a corner to move it, a dot between two corners to add one, the inside to move it all. Right-click a corner to remove it.",
  typed: "This polygon reaches beyond the edge of the world map: it can be changed by typing only.",
  crosses: "The outline crosses itself. Move a corner, or undo.",
};

/** @typedef {import("./geojson.js").Polygon} Polygon */

export class AreaEditor {
  #part;
  #view;
  #drawing;
  #history = new History(null);
  #editable = true;
  #open = false;
  #count;

  /** @param {HTMLElement} root that holds the fields @param {import("./map.js").MapView} view @returns {Promise<AreaEditor>} */
  static async create(root, view) {
    const editor = new AreaEditor(root, view);
    editor.#drawing = await createDrawing(view, { onChange: (polygon) => editor.#drawn(polygon), onStep: () => editor.#showState() });
    editor.#listen(root);
    return editor;
  }

  /** Use `create`. */
  constructor(root, view) {
    this.#part = (id) => root.querySelector(`#${id}`);
    this.#view = view;
    this.#count = insideCount(this.#part("inside-count"), this.#part("inside-count").dataset.address);
  }

  get polygon() {
    return this.#history.current;
  }

  /** What is wrong with the text, or "". */
  get problem() {
    try {
      this.#typed();
      return "";
    } catch (error) {
      if (error instanceof TypedError) return error.message;
      throw error;
    }
  }

  /** Begins with the polygon that is typed already, if it is one. */
  open() {
    this.#open = true;
    this.#history = new History(this.problem ? null : this.#typed());
    if (this.polygon) this.#view.fit([this.polygon]);
    this.#show(this.polygon);
  }

  /** Begins with this polygon, or with drawing a new one. @param {Polygon | null} polygon */
  openWith(polygon) {
    this.#text.value = polygon ? format(polygon) : "";
    this.#say("");
    this.open();
  }

  /** Takes all of it off the map. */
  close() {
    this.#open = false;
    this.#drawing.stop();
    this.#count(null, "");
  }

  /** @returns {HTMLTextAreaElement} */
  get #text() {
    return this.#part("polygon_geojson");
  }

  #typed() {
    return this.#text.value.trim() === "" ? null : parsePolygon(this.#text.value);
  }

  #say(sentence) {
    this.#part("polygon-problem").textContent = sentence;
    this.#part("polygon-problem").hidden = sentence === "";
    if (sentence) this.#text.setAttribute("aria-invalid", "true");
    else this.#text.removeAttribute("aria-invalid");
  }

  #drawn(polygon) {
    this.#history.push(polygon);
    this.#text.value = polygon ? format(polygon) : "";
    this.#say("");
    if (!polygon) this.#drawing.drawOutline();
    this.#showState();
    this.#recount();
  }

  #show(polygon) {
    this.#editable = this.#drawing.show(polygon);
    this.#view.setOutline(this.#editable ? null : polygon);
    if (!polygon) this.#drawing.drawOutline();
    this.#showState();
    this.#recount();
  }

  #restore(polygon) {
    this.#text.value = polygon ? format(polygon) : "";
    this.#say("");
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
    if (!drawing || !this.#open) return;
    this.#part("draw-undo").disabled = !drawing.canUndo && !this.#history.canUndo;
    this.#part("draw-redo").disabled = !drawing.canRedo && !this.#history.canRedo;
    this.#part("draw-hole").disabled = !this.polygon || !this.#editable;
    this.#part("draw-outline").disabled = drawing.drawing && !drawing.drawsHole;
    const editing = !this.#editable ? "typed" : drawing.crosses ? "crosses" : "edit";
    const hint = HINTS[drawing.drawing ? (drawing.drawsHole ? "hole" : "outline") : editing];
    if (this.#part("draw-hint").textContent !== hint) this.#part("draw-hint").textContent = hint;
  }

  #listen(root) {
    this.#text.addEventListener("input", () => {
      if (this.problem) return;
      this.#history.push(this.#typed());
      this.#say("");
      this.#show(this.polygon);
      if (this.polygon) this.#view.fit([this.polygon]);
    });
    this.#text.addEventListener("change", () => this.#say(this.problem));
    root.addEventListener("change", ({ target }) => target.name === "severity" && this.#recount());
    const press = { "draw-outline": () => this.#drawing.drawOutline(), "draw-hole": () => this.#drawing.drawHole(), "draw-undo": () => this.#undo(), "draw-redo": () => this.#redo() };
    for (const [id, act] of Object.entries(press)) this.#part(id).addEventListener("click", act);
    document.addEventListener("keydown", (event) => this.#open && this.#key(event));
  }

  #key(event) {
    if (event.key === "Escape" && this.#drawing.drawing && this.polygon) return this.#show(this.polygon);
    if (!(event.ctrlKey || event.metaKey) || event.target.closest("input:not([type=radio]), textarea")) return;
    const key = event.key.toLowerCase();
    if (key === "z" && !event.shiftKey) this.#undo();
    else if (key === "y" || key === "z") this.#redo();
    else return;
    event.preventDefault();
  }
}
