/** One location that can be put on the map, or typed in any of several ways; each way shows what the others said. */

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

/** What a way says, or null if it says nothing that is a location. @param {Way} way */
function readOrNull(way) {
  try {
    return way.read();
  } catch {
    return null;
  }
}

/**
 * @param {Way[]} ways the first one that says something at the start is believed
 * @param {HTMLElement} problem where to say what is wrong with what was typed
 * @param {(point: Point | null, typed: boolean) => void} onChange called at the start too, if there is a location
 * @returns {{set: (point: Point) => void, isValid: () => boolean}} set: from the map or the device; isValid: whether
 *   what
 * was typed last is a location or nothing, else it says what is wrong
 */
export function pointField(ways, problem, onChange) {
  /** @type {Way | null} where somebody has typed after the last `set` */
  let typedIn = null;

  function say(way, sentence) {
    problem.textContent = sentence;
    problem.hidden = sentence === "";
    for (const control of ways.flatMap(({ controls }) => controls)) control.removeAttribute("aria-invalid");
    if (sentence) for (const control of way.controls) control.setAttribute("aria-invalid", "true");
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
