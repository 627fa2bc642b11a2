/** Keeps alerts from interrupting somebody who types: a notice says that there are some, and opens their dialog. */

import { isUnacknowledged } from "../live/alert-order.js";
import { isolate } from "../base/bidi.js";
import { element } from "../base/elements.js";
import { t, tn } from "../base/translate.js";
import { hasUnsaved } from "../base/unsaved.js";

const TYPES = "textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=button])";

/** Whether this person works on something that a dialog would disturb. */
function isBusy() {
  const { activeElement } = document;
  if (document.querySelector("dialog[open]:not(#alert-dialog), :popover-open")) return true;
  return Boolean(activeElement?.matches(TYPES) && !activeElement.closest("#alert-dialog")) || hasUnsaved();
}

/** @param {import("../live/alerts.js").Alert[]} alerts not empty, the newest first */
function words([{ feature }, ...others]) {
  const { name, severity } = feature.properties;
  const values = { severity, name: isolate(name) };
  if (others.length === 0) return t("Alert: %(severity)s: %(name)s", values);
  return tn(
    "Alert: %(severity)s: %(name)s, and %(n)s more",
    "Alert: %(severity)s: %(name)s, and %(n)s more",
    others.length,
    values,
  );
}

/**
 * A store as the dialog listens to it. It hears of raised alerts when nobody types, or when the person asks for them.
 * @param {import("../live/store.js").Store} store
 * @returns {Pick<import("../live/store.js").Store, "alerts" | "subscribe">}
 */
export function politely(store) {
  /** @type {Set<number>} incidents that the dialog does not know yet */
  let kept = new Set();
  let last;
  /** @type {(change: import("../live/changes.js").Change) => void} */
  let hear;
  const show = element("button", { type: "button", class: "primary" }, t("Show"));
  const later = element("button", { type: "button", class: "quiet" }, t("Not now"));
  const said = element("span", { role: "alert" });
  const notice = element("div", { class: "notice alert-notice", hidden: "" }, said, show, later);
  document.body.append(notice);

  function shown() {
    const alerts = [...kept]
      .map((pk) => store.alerts.byIncident.get(pk))
      .filter((alert) => alert?.areas.some(isUnacknowledged));
    notice.hidden = alerts.length === 0;
    if (alerts.length > 0 && said.textContent !== words(alerts.reverse())) said.textContent = words(alerts);
  }
  function end() {
    const raised = kept;
    kept = new Set();
    shown();
    return raised;
  }
  show.addEventListener("click", () => hear({ ...last, raised: end(), alerts: true }));
  later.addEventListener("click", end);

  return {
    alerts: store.alerts,
    subscribe(listener) {
      hear = listener;
      return store.subscribe((change) => {
        last = { ...change, raised: new Set() };
        if (change.raised.size === 0 || !isBusy()) listener(change);
        else {
          for (const pk of change.raised) kept.add(pk);
          listener(last);
        }
        shown();
      });
    },
  };
}
