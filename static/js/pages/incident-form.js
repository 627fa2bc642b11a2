/** The form of an incident: its time, and its location on the map, in degrees or as GeoJSON. */

import { clearProblem } from "../base/form-problems.js";
import { createMap } from "../map/map.js";
import { degrees, geojson, pointField } from "../editor/point-field.js";
import { placeTools } from "../editor/place-tools.js";
import { timeField } from "../editor/time-field.js";

const part = (id) => document.getElementById(id);

/** @type {import("../map/view.js").MapView | null} */
let view = null;
let pin = null;
/** @type {import("../base/geojson.js").Point | null} */
let current = null;

const field = pointField(
  [geojson(part("location_geojson")), degrees(part("latitude"), part("longitude"))],
  part("location-problem"),
  (point, typed) => {
    current = point;
    clearProblem(part("location_geojson"));
    pin?.move(point);
    if (point && typed) view?.fit([point]);
  },
);

const happened = timeField(part("happened"));

part("location_geojson").form.addEventListener("submit", (event) => {
  // otherwise the last valid location would be saved
  if (!field.isValid() || !happened.isValid()) event.preventDefault();
});

// Without scripts it is the only field for the location, so the page has it open
const text = part("location_geojson");
const details = text.closest("details");
details.open = text.hasAttribute("aria-invalid") || details.querySelector(".clash") !== null;

placeTools(
  () => view,
  (point) => {
    part("accuracy").value = "";
    field.set(point);
  },
);
view = await createMap(part("map"), { shows: [current], goesOn: true });
if (view) {
  const put = (point) => {
    part("accuracy").value = ""; // it was that of the earlier location
    field.set(point);
  };
  pin = view.pin(put);
  pin.move(current);
  view.onClick(put);
}
