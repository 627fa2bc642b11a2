/** One location that a person sets on the map, or types in several ways. All ways show the same location. */

import { markProblem } from "../base/form-problems.js";
import { format, parseDegrees, parsePoint, TypedError } from "../base/geojson.js";

/** @typedef {import("../base/geojson.js").Point} Point */

/**
 * @typedef {object} Way of typing a location
 * @property {(HTMLInputElement | HTMLTextAreaElement)[]} controls
 * @property {() => Point | null} read null when nothing is typed; throws a TypedError
 * @property {(point: Point | null) => void} write
 */

/** @param {HTMLInputElement} latitude @param {HTMLInputElement} longitude @returns {Way} */
export function degrees(latitude, longitude) {
  return {
    controls: [latitude, longitude],
    read: () =>
      latitude.value.trim() + longitude.value.trim() === "" ? null : parseDegrees(longitude.value, latitude.value),
    write(point) {
      [longitude.value, latitude.value] = point ? point.coordinates.map(String) : ["", ""];
    },
  };
}

/** @param {HTMLTextAreaElement} text @returns {Way} */
export function geojson(text) {
  return {
    controls: [text],
    read: () => (text.value.trim() === "" ? null : parsePoint(text.value)),
    write(point) {
      text.value = point ? format(point) : "";
    },
  };
}

/** The location that was typed in a way, or null if there is none. @param {Way} way */
function readOrNull(way) {
  try {
    return way.read();
  } catch {
    return null;
  }
}

/**
 * @param {Way[]} ways the first with a location at the start counts
 * @param {HTMLElement} problem gets the error of the typed text
 * @param {(point: Point | null, typed: boolean) => void} onChange called at the start too, if there is a location
 * @returns {{set: (point: Point) => void, isValid: () => boolean}} set: from the map or the device; isValid: whether
 *   the last typed text is a location or empty; otherwise it shows the error
 */
export function pointField(ways, problem, onChange) {
  /** @type {Way | null} in which the person has typed after the last `set` */
  let typedIn = null;

  function say(way, sentence) {
    problem.textContent = sentence;
    problem.hidden = sentence === "";
    for (const each of ways)
      for (const control of each.controls) markProblem(control, problem, sentence !== "" && each === way);
  }

  function attempt(way, { complain }) {
    try {
      const point = way.read();
      say(way, "");
      for (const other of ways) if (other !== way) other.write(point);
      onChange(point, true);
      return true;
    } catch (error) {
      if (!(error instanceof TypedError)) throw error;
      if (complain) say(way, error.message);
      return false;
    }
  }

  for (const way of ways) {
    for (const control of way.controls) {
      control.addEventListener("input", () => {
        typedIn = way;
        attempt(way, { complain: false });
      });
      control.addEventListener(
        "change",
        () => way.controls.every(({ value }) => value.trim()) && attempt(way, { complain: true }),
      );
    }
  }
  const first = ways.map(readOrNull).find(Boolean);
  if (first) {
    for (const way of ways) way.write(first);
    onChange(first, true);
  }
  return {
    isValid() {
      if (!typedIn || attempt(typedIn, { complain: true })) return true;
      typedIn.controls[0].focus();
      return false;
    },
    set(point) {
      typedIn = null;
      say(ways[0], "");
      for (const way of ways) way.write(point);
      onChange(point, false);
    },
  };
}
