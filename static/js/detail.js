/** The page of one incident or one area: its own map, with nothing else on it. */

import { createMap } from "./map.js";
import { bounds } from "./geojson.js";

const feature = JSON.parse(document.getElementById("feature").textContent);
const view = await createMap(document.getElementById("map"), { bounds: bounds([feature.geometry]) });
view?.setFeatures(feature.properties.model === "Incident" ? "incidents" : "areas", [feature]);
