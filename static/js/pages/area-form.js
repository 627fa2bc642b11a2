/** The form of an area, with a map of its own. */

import { AreaEditor } from "../editor/area-editor.js";
import { showProblems } from "../base/form-problems.js";
import { createMap } from "../map/map.js";
import { placeTools } from "../editor/place-tools.js";
import { watchUnsaved } from "../base/unsaved.js";

const view = await createMap(document.getElementById("map"), { goesOn: true });
const form = document.getElementById("area-form");
placeTools(() => view);
if (view) {
  const editor = await AreaEditor.create(form, view);
  editor.open();
  watchUnsaved(() => editor.isDrawing); // the form has every finished polygon
  form.addEventListener("submit", (event) => {
    if (!editor.isDrawing) return;
    event.preventDefault();
    showProblems(form, { polygon_geojson: editor.problem });
  });
  const clash = form.querySelector(".clash[data-theirs]");
  if (clash) view.setOutline(JSON.parse(clash.dataset.theirs));
}
