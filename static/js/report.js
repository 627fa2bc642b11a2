/** The public report: the device's location, shown on a map, corrected by hand, or typed. */

import { circle } from "./geojson.js";
import { createMap } from "./map.js";
import { degrees, pointField } from "./point-field.js";
import { pointAt } from "./geojson.js";

const PATIENCE_MS = 20_000; // a satellite fix outdoors takes about this long
const part = (id) => document.getElementById(id);

/** @type {import("./map.js").MapView | null} */
let view = null;
let pin = null;
let current = null;

const field = pointField([degrees(part("location_lat"), part("location_lon"))], part("location-problem"), (point, typed) => {
  current = point;
  pin?.move(point);
  view?.setAccuracy(null);
  if (point && typed) view?.fit([point]);
});

const say = (sentence) => (part("locate-state").textContent = sentence);

const REASONS = {
  1: "The location was refused. Tap the map instead, or type it.",
  2: "The location is not available. Tap the map instead, or type it.",
  3: "The location takes too long. Tap the map instead, or try again.",
};

function found({ coords }) {
  const point = pointAt(coords.longitude, coords.latitude);
  const area = circle(point.coordinates, coords.accuracy);
  field.set(point);
  view?.setAccuracy(area);
  view?.fit([area, point]);
  say(`Found, give or take ${Math.round(coords.accuracy).toLocaleString("en")} m.`);
}

function locate() {
  if (!navigator.geolocation || !isSecureContext) {
    return say("Browsers give the location on https pages only. Tap the map instead, or type it.");
  }
  say("Looking for your location…");
  const options = { enableHighAccuracy: true, timeout: PATIENCE_MS, maximumAge: PATIENCE_MS };
  navigator.geolocation.getCurrentPosition(found, ({ code }) => say(REASONS[code]), options);
}

async function alreadyAllowed() {
  try {
    return (await navigator.permissions.query({ name: "geolocation" })).state === "granted";
  } catch {
    return false;
  }
}

part("locate").addEventListener("click", locate);
view = await createMap(part("map"), { bounds: current && [...current.coordinates, ...current.coordinates] });
if (view) {
  pin = view.pin(field.set);
  pin.move(current);
  view.onClick(field.set);
}
if (!current && (await alreadyAllowed())) locate();
