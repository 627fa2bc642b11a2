/** The form of an area, with a map of its own. */

import { AreaEditor } from "./area-editor.js";
import { createMap } from "./map.js";
import { watchUnsaved } from "./unsaved.js";

const view = await createMap(document.getElementById("map"));
if (view) {
  const editor = await AreaEditor.create(document.getElementById("area-form"), view);
  editor.open();
  watchUnsaved(() => editor.isDrawing); // what is finished stands in the form
}
