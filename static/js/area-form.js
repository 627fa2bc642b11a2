/** The form of an area, with a map of its own. */

import { AreaEditor } from "./area-editor.js";
import { createMap } from "./map.js";

const view = await createMap(document.getElementById("map"));
if (view) (await AreaEditor.create(document.getElementById("area-form"), view)).open();
