/** Circles on the map: around the incident of the row that is pointed at, and for a moment around a new incident. */

import { element } from "../base/elements.js";

const PULSE_MS = 2_500;
const MOST_PULSES = 12; // in a burst, more would only hide the map

/**
 * @param {import("./view.js").MapView} view
 * @returns {{highlight: (at: [number, number] | null) => void, pulse: (at: [number, number]) => void}}
 */
export function createHighlights(view) {
  let ring = null;
  let pulses = 0;
  const mark = (kind, at) => view.place(element("div", { class: `ring ${kind}`, "aria-hidden": "true" }), at);
  return {
    highlight(at) {
      ring?.remove();
      ring = at && mark("pointed", at);
    },
    pulse(at) {
      if (pulses >= MOST_PULSES || document.hidden) return;
      pulses += 1;
      const pulse = mark("pulse", at);
      setTimeout(() => {
        pulse.remove();
        pulses -= 1;
      }, PULSE_MS);
    },
  };
}
