/** The form of an area, with a map of its own. */

import { AreaEditor } from "./area-editor.js";
import { createMap } from "./map.js";

const view = await createMap(document.getElementById("map"));
const form = document.getElementById("area-form");
if (view) {
  (await AreaEditor.create(form, view)).open();
  const clash = form.querySelector(".clash[data-theirs]");
  if (clash) view.setOutline(JSON.parse(clash.dataset.theirs));
}
