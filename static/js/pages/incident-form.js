/** The form of an incident: its time, and its location on the map, in degrees or as GeoJSON. */

import { createMap } from "../map/map.js";
import { degrees, geojson, pointField } from "../editor/point-field.js";
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
    pin?.move(point);
    if (point && typed) view?.fit([point]);
  },
);

const happened = timeField(part("happened"));

part("location_geojson").form.addEventListener("submit", (event) => {
  // otherwise the last valid location would be saved
  if (!field.isValid() || !happened.isValid()) event.preventDefault();
});

view = await createMap(part("map"), { shows: [current] });
if (view) {
  pin = view.pin(field.set);
  pin.move(current);
  view.onClick(field.set);
}
