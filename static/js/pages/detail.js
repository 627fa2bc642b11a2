/** The page of one incident or area, with a map of that alone. */

import { areaForMap, incidentForMap } from "../map/sync-features.js";
import { createMap } from "../map/map.js";
import { tomorrowMorning } from "../base/mute-until.js";

for (const button of document.querySelectorAll(".mute button[value=tomorrow]")) {
  button.addEventListener("click", () => (button.value = tomorrowMorning(new Date()).toISOString()));
}

const feature = JSON.parse(document.getElementById("feature").textContent);
const view = await createMap(document.getElementById("map"), { shows: [feature.geometry] });
if (feature.properties.model === "Incident") view?.setFeatures("incidents", [incidentForMap(feature)]);
else view?.setFeatures("areas", [areaForMap(feature)]);
