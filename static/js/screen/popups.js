/**
 * Opens popups for picks on the map or in the list, updates the open one, and puts a handle around one incident.
 */

import { OnScreen } from "./on-screen.js";
import { popupContent } from "./popup-content.js";

/**
 * @param {import("../live/store.js").Store} store @param {import("../map/view.js").MapView} view
 * @param {{choose: (feature: import("../live/messages.js").Feature | null) => void}} handle
 * @param {Omit<import("./popup-content.js").Context, "alertOf" | "hasSeen"> & {inRows:
 *   import("./popup-content.js").Context["hasSeen"]}} actions inRows: whether an alert was seen in the list
 * @returns {(picked: import("../map/view.js").Picked, how?: {focus?: boolean, onClose?: () => void}) => void}
 */
export function popupOpener(store, view, handle, { inRows, ...actions }) {
  /** @type {import("../map/view.js").Picked | null} */
  let open = null;
  const onScreen = new OnScreen(() => open && refill());
  const hasSeen = (alert) => onScreen.has(alert) || inRows(alert);
  const context = { ...actions, hasSeen, alertOf: (pk) => store.alerts.byIncident.get(pk) };

  function contents(picked) {
    const features = picked.keys.map((pk) => store.find(picked.source, pk) ?? picked.feature).filter(Boolean);
    if (features.length === 0) return null;
    const isIncident = picked.source === "incidents";
    const at = isIncident ? features[0].geometry.coordinates : picked.at;
    return { at, node: popupContent(features, context), one: isIncident && features.length === 1 ? features[0] : null };
  }

  function show(picked, { focus = false, onClose = () => {} } = {}) {
    const found = contents(picked);
    if (!found) return view.closePopup();
    view.popup(found.at, found.node, () => {
      open = null;
      handle.choose(null);
      onClose();
    });
    open = picked;
    onScreen.look(found.node);
    handle.choose(found.one);
    if (focus) found.node.querySelector("a")?.focus();
  }

  store.subscribe((change) => {
    if (!open) return;
    const { changed, removed } = change[open.source];
    if (change.reset || change.alerts || open.keys.some((pk) => changed.has(pk) || removed.has(pk))) refill();
  });

  function refill() {
    const found = contents(open);
    const focused = document.activeElement?.closest(".popup") !== null && document.activeElement !== null;
    if (!found) {
      view.closePopup();
      return void (focused && view.focus());
    }
    view.refillPopup(found.at, found.node);
    onScreen.look(found.node);
    handle.choose(found.one);
    if (focused) found.node.querySelector("a")?.focus();
  }
  return show;
}
