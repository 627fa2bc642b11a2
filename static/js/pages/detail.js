/** The page of one incident or area, with a map of that alone. */

import { areaForMap, incidentForMap } from "../map/sync-features.js";
import { createMap } from "../map/map.js";
import { circle, isBeyondMap } from "../base/geojson.js";
import { t } from "../base/translate.js";
import { element } from "../base/elements.js";
import { fromLocal, offsetWords, toLocal } from "../base/local-time.js";
import { tomorrowMorning } from "../base/mute-until.js";
import { serverNow } from "../base/server-clock.js";

for (const button of document.querySelectorAll(".mute button[value=tomorrow]")) {
  button.addEventListener("click", () => (button.value = tomorrowMorning(new Date(serverNow())).toISOString()));
}

const end = /** @type {HTMLInputElement | null} */ (document.getElementById("mute-end"));
if (end) {
  if (end.value) end.value = toLocal(`${end.value}Z`);
  const zone = document.getElementById("mute-end-zone");
  const showZone = () => (zone.textContent = offsetWords(end.value ? new Date(end.value) : new Date()));
  end.addEventListener("input", showZone);
  showZone();
  end.form.addEventListener("formdata", ({ formData }) => formData.set("end", fromLocal(end.value)));
}

const STREET_M = 200; // a smaller circle is seen well among the streets around its point
const feature = JSON.parse(document.getElementById("feature").textContent);
const { geometry, properties } = feature;
const isIncident = properties.model === "Incident";
const container = document.getElementById("map");

async function showMap() {
  const accuracy = isIncident && properties.accuracy ? circle(geometry.coordinates, properties.accuracy) : null;
  const isWide = accuracy && properties.accuracy > STREET_M;
  const view = await createMap(container, { shows: [geometry, isWide ? accuracy : null] });
  if (isIncident) view?.setFeatures("incidents", [incidentForMap(feature)]);
  else view?.setFeatures("areas", [areaForMap(feature)]);
  if (accuracy) view?.setOutline(accuracy);
}

if (isIncident && isBeyondMap(geometry.coordinates))
  container.replaceChildren(element("p", { class: "map-fallback" }, t("Too close to the pole for this map.")));
else showMap();
