/** Remembers where the map was last, so that a form begins there. For this browser and this tracker. */

import { ownName } from "../base/addresses.js";

const KEY = ownName("view");
const MOST_ZOOM = 24;

/** @typedef {{center: [number, number], zoom: number}} LastView */

/** @param {string | null} text @returns {LastView | null} null unless it is a view that the map can show */
export function readView(text) {
  try {
    const { center, zoom } = JSON.parse(text);
    const numbers = [...center, zoom].every(Number.isFinite) && center.length === 2;
    return numbers && Math.abs(center[1]) <= 90 && zoom >= 0 && zoom <= MOST_ZOOM ? { center, zoom } : null;
  } catch {
    return null;
  }
}

/** @returns {LastView | null} */
export function lastView() {
  try {
    return readView(localStorage.getItem(KEY));
  } catch {
    return null; // the person has forbidden storage
  }
}

/** @param {object} map of the library */
export function rememberView(map) {
  map.on("moveend", () => {
    const { lng, lat } = map.getCenter().wrap();
    try {
      localStorage.setItem(KEY, JSON.stringify({ center: [lng, lat], zoom: map.getZoom() }));
    } catch {
      // the person has forbidden storage, or it is full: the next form begins with the world
    }
  });
}
