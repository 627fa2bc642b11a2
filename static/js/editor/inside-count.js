/** Shows how many open incidents lie in an unsaved area, as a sentence. */

import { ApiError, call } from "../base/api.js";
import { longEdgesQuery } from "../base/geojson.js";
import { t, tn } from "../base/translate.js";

const PAUSE_MS = 300; // between the last change and the request

/** @param {{open: number, alerting: number}} counts */
export function insideWords({ open, alerting }) {
  if (open === 0) return t("No open incident lies inside.");
  if (alerting === 0)
    return tn(
      "%(n)s open incident lies inside, none severe enough to alert. Saving raises no alerts for it.",
      "%(n)s open incidents lie inside, none severe enough to alert. Saving raises no alerts for them.",
      open,
    );
  if (alerting === open)
    return tn(
      "%(n)s open incident lies inside, severe enough to alert. Saving raises no alerts for it.",
      "%(n)s open incidents lie inside, severe enough to alert. Saving raises no alerts for them.",
      open,
    );
  const inside = tn("%(n)s open incident lies inside", "%(n)s open incidents lie inside", open);
  return tn(
    "%(inside)s, %(n)s of them severe enough to alert. Saving raises no alerts for them.",
    "%(inside)s, %(n)s of them severe enough to alert. Saving raises no alerts for them.",
    alerting,
    { inside },
  );
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
