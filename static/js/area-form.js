/** The form of an area: the polygon is drawn on the map or typed, each shows the other, and both can be undone. */

import { createDrawing } from "./draw.js";
import { format, parsePolygon, TypedError } from "./geojson.js";
import { History } from "./history.js";
import { createMap } from "./map.js";

const HINTS = {
  outline: "Click the map for each corner. Click the first corner again, or press Enter, to finish; Escape gives up.",
  hole: "Click inside the area for each corner of the hole, and the first corner again to finish; Escape gives up.",
  edit: "Drag a corner to move it, a dot between two corners to add one, the inside to move it all. Right-click a corner to remove it.",
  typed: "This polygon reaches beyond the edge of the world map: it can be changed by typing only.",
  crosses: "The outline crosses itself. Move a corner, or undo.",
};

const part = (id) => document.getElementById(id);
const text = /** @type {HTMLTextAreaElement} */ (part("polygon_geojson"));
const problem = part("polygon-problem");

/** @returns {import("./geojson.js").Polygon | null} @throws {TypedError} */
const typed = () => (text.value.trim() === "" ? null : parsePolygon(text.value));

function say(sentence) {
  problem.textContent = sentence;
  problem.hidden = sentence === "";
  if (sentence) text.setAttribute("aria-invalid", "true");
  else text.removeAttribute("aria-invalid");
}

function typedOrNull() {
  try {
    return typed();
  } catch {
    return null;
  }
}

async function start() {
  const history = new History(typedOrNull());
  const view = await createMap(part("map"));
  if (!view) return;
  if (history.current) view.fit([history.current]);
  let editable = true;
  const drawing = await createDrawing(view, { onChange: drawn, onStep: showState });

  function drawn(polygon) {
    history.push(polygon);
    text.value = polygon ? format(polygon) : "";
    say("");
    if (!polygon) drawing.drawOutline();
    showState();
  }

  function show(polygon) {
    editable = drawing.show(polygon);
    const feature = { type: "Feature", properties: { pk: 0, severity: "Info" }, geometry: polygon };
    view.setFeatures("areas", polygon && !editable ? [feature] : []);
    if (!polygon) drawing.drawOutline();
    showState();
  }

  function restore(polygon) {
    text.value = polygon ? format(polygon) : "";
    say("");
    show(polygon);
  }

  const undo = () => (drawing.canUndo ? drawing.undo() : history.canUndo && restore(history.undo()));
  const redo = () => (drawing.canRedo ? drawing.redo() : history.canRedo && restore(history.redo()));

  function showState() {
    part("draw-undo").disabled = !drawing?.canUndo && !history.canUndo;
    part("draw-redo").disabled = !drawing?.canRedo && !history.canRedo;
    part("draw-hole").disabled = !history.current || !editable;
    part("draw-outline").disabled = drawing.drawing && !drawing.drawsHole;
    const state = drawing.drawing ? (drawing.drawsHole ? "hole" : "outline") : !editable ? "typed" : drawing.crosses ? "crosses" : "edit";
    if (part("draw-hint").textContent !== HINTS[state]) part("draw-hint").textContent = HINTS[state];
  }

  text.addEventListener("input", () => {
    let polygon;
    try {
      polygon = typed();
    } catch {
      return;
    }
    history.push(polygon);
    say("");
    show(polygon);
    if (polygon) view.fit([polygon]);
  });
  text.addEventListener("change", () => {
    try {
      typed();
      say("");
    } catch (error) {
      if (!(error instanceof TypedError)) throw error;
      say(error.message);
    }
  });
  part("draw-outline").addEventListener("click", () => drawing.drawOutline());
  part("draw-hole").addEventListener("click", () => drawing.drawHole());
  part("draw-undo").addEventListener("click", undo);
  part("draw-redo").addEventListener("click", redo);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && drawing.drawing && history.current) show(history.current);
    if (!(event.ctrlKey || event.metaKey) || event.target.closest("input, textarea")) return;
    const key = event.key.toLowerCase();
    if (key === "z" && !event.shiftKey) undo();
    else if (key === "y" || key === "z") redo();
    else return;
    event.preventDefault();
  });
  show(history.current);
}

start();
