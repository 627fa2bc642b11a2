/**
 * The handle around the chosen incident: a person drags it, or moves it with the arrow keys, to correct the location.
 */

import { isolate } from "../base/bidi.js";
import { element } from "../base/elements.js";
import { t } from "../base/translate.js";

const STEPS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const STEP = 8; // pixels; 1 with Shift

/**
 * @param {import("../map/view.js").MapView} view
 * @param {{move: ((feature: import("../live/messages.js").Feature, at: [number, number]) => void) | null}} actions
 *   null: this person has no right to it
 * @returns {{choose: (feature: import("../live/messages.js").Feature | null) => void}}
 */
export function incidentHandle(view, { move }) {
  let handle = null;
  let chosen = null;
  let from = null; // the incident before the move; null without a move

  function choose(feature) {
    if (feature && chosen?.id === feature.id && handle) {
      chosen = feature;
      return from ? undefined : handle.move(feature.geometry.coordinates);
    }
    handle?.remove();
    handle = from = null;
    chosen = feature;
    if (!feature) return;
    if (!move) {
      handle = view.place(
        element("div", { class: "ring chosen", "aria-hidden": "true" }),
        feature.geometry.coordinates,
      );
      return;
    }
    const name = isolate(feature.properties.name);
    const label = t("Place of %(name)s: drag it, or move it with the arrow keys and press Enter", { name });
    const ring = element("button", {
      type: "button",
      class: "ring chosen handle",
      "aria-label": label,
      title: t("Drag to correct the place"),
    });
    let at = feature.geometry.coordinates;
    const go = (to) => {
      at = to;
      from ??= chosen;
      view.movePopup(to);
    };
    const end = (to) => {
      go(to);
      move(from, to);
      from = null;
    };
    handle = view.place(ring, at, { onDrag: go, onDragEnd: end });
    const here = handle;
    ring.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && at.join() !== chosen.geometry.coordinates.join()) end(at);
      else if (event.key === "Escape") view.closePopup();
      else if (event.key in STEPS) {
        const [right, down] = STEPS[event.key].map((direction) => direction * (event.shiftKey ? 1 : STEP));
        go(view.shifted(at, right, down));
        here.move(at);
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }
  return { choose };
}
