/** The form of an area, with a map of its own. */

import { AreaEditor } from "./area-editor.js";
import { createMap } from "./map.js";
import { watchUnsaved } from "./unsaved.js";

const view = await createMap(document.getElementById("map"));
const form = document.getElementById("area-form");
if (view) {
  const editor = await AreaEditor.create(form, view);
  editor.open();
  watchUnsaved(() => editor.isDrawing); // what is finished stands in the form
  const clash = form.querySelector(".clash[data-theirs]");
  if (clash) view.setOutline(JSON.parse(clash.dataset.theirs));
}
