/** The buttons, keys and hints for drawing and editing a polygon: templates/areas/_fields.html. */

import { t } from "../base/translate.js";

const HINTS = {
  outline: t("Click the map for each corner. Click the first corner again, or press Enter, to finish; Esc cancels."),
  hole: t("Click inside the area for each corner of the hole, and the first corner again to finish; Esc cancels."),
  edit: [
    t("Drag a corner to move it, a dot between two corners to add one, the inside to move it all."),
    t("Click or tap a corner to remove it."),
  ].join(" "),
  typed: t("This polygon reaches beyond the edge of the world map: it can be changed by typing only."),
  crosses: t("The outline crosses itself. Move a corner, or undo."),
  wouldCross: t("With a corner here the outline would cross itself."),
};

const FIELDS = "input:not([type=radio]), textarea"; // fields in which these keys have their usual meaning

/**
 * @typedef {"outline" | "hole" | "undo" | "redo" | "nextVertex" | "removeVertex"} Command
 * @typedef {Record<Command | "giveUp", () => unknown> & {isOpen: () => boolean, remove: (how: {alsoRing: boolean}) =>
 *   unknown}} Actions
 */

/** @type {Record<string, Command>} */
const BUTTONS = {
  "draw-outline": "outline",
  "draw-hole": "hole",
  "draw-undo": "undo",
  "draw-redo": "redo",
  "corner-next": "nextVertex",
  "corner-remove": "removeVertex",
};

function hintFor({ drawing: { drawing, drawsHole, crosses, wouldCross }, editable, choice }) {
  if (wouldCross) return HINTS.wouldCross;
  if (drawing) return HINTS[drawsHole ? "hole" : "outline"];
  if (!editable) return HINTS.typed;
  return crosses ? HINTS.crosses : choice.words || HINTS.edit;
}

/**
 * @param {KeyboardEvent} event
 * @param {Actions} actions
 * @returns {(() => unknown) | null} the action of the key
 */
function meaning(event, actions) {
  const key = event.key.toLowerCase();
  if (key === "escape") return actions.giveUp;
  if (/** @type {Element} */ (event.target).closest(FIELDS)) return null;
  if (key === "delete" || key === "backspace") return () => actions.remove({ alsoRing: key === "delete" });
  if (!event.ctrlKey && !event.metaKey) return null;
  if (key === "z" && !event.shiftKey) return actions.undo;
  return key === "y" || key === "z" ? actions.redo : null;
}

/**
 * @param {(id: string) => any} part an element of the fields
 * @param {Actions} actions
 * @returns {{show: (state: object) => void}}
 */
export function areaTools(part, actions) {
  for (const [id, command] of Object.entries(BUTTONS)) part(id).addEventListener("click", actions[command]);
  document.addEventListener("keydown", (event) => {
    const act = actions.isOpen() && meaning(event, actions);
    if (!act) return;
    act();
    if (event.key !== "Escape") event.preventDefault();
  });
  return {
    show(state) {
      const { drawing, hasVertices, choice, canCut, canUndo, canRedo } = state;
      part("draw-undo").disabled = !canUndo;
      part("draw-redo").disabled = !canRedo;
      part("draw-hole").disabled = !canCut;
      part("draw-outline").disabled = drawing.drawing && !drawing.drawsHole;
      part("corner-next").disabled = !hasVertices;
      part("corner-remove").disabled = !choice.chosen;
      const hint = hintFor(state);
      if (part("draw-hint").textContent !== hint) part("draw-hint").textContent = hint;
    },
  };
}
