/** Shows how many open incidents lie in an unsaved area, as a sentence. */

import { ApiError, call } from "../base/api.js";
import { longEdgesQuery } from "../base/geojson.js";

const PAUSE_MS = 300; // between the last change and the request

/** @param {{open: number, alerting: number}} counts */
export function insideWords({ open, alerting }) {
  if (open === 0) return "No open incident lies inside.";
  const lie = open === 1 ? "1 open incident lies inside" : `${open} open incidents lie inside`;
  const which =
    alerting === 0
      ? "none severe enough to alert"
      : alerting === open
        ? "severe enough to alert"
        : `${alerting} of them severe enough to alert`;
  return `${lie}, ${which}. Saving raises no alerts for ${open === 1 ? "it" : "them"}.`;
}

/**
 * @param {HTMLElement} place gets the sentence
 * @param {string} address of the API
 * @returns {(polygon: object | null, severity: string) => void} call it when either has changed
 */
export function insideCount(place, address) {
  let timer;
  let asked = 0;
  async function ask(polygon, severity) {
    const turn = ++asked;
    try {
      const counts = await call(
        "POST",
        `${address}${longEdgesQuery(polygon)}`,
        { type: "Feature", geometry: polygon, properties: { severity } },
        { asks: false },
      );
      if (turn === asked) place.textContent = insideWords(counts);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn === asked) place.textContent = "";
    }
  }
  return (polygon, severity) => {
    clearTimeout(timer);
    asked += 1;
    if (!polygon) place.textContent = "";
    else timer = setTimeout(ask, PAUSE_MS, polygon, severity);
  };
}
