/**
 * Keeps alerts from interrupting somebody who types: a notice says how many there are, until the person pauses or asks
 * for them.
 */

import { isUnacknowledged } from "../live/alert-order.js";
import { isolate } from "../base/bidi.js";
import { element } from "../base/elements.js";
import { t, tn } from "../base/translate.js";
import { isBusyOutside } from "./busy-person.js";

const LOOK_MS = 500; // between two looks whether the person has paused

/** @param {import("../live/alerts.js").Alert[]} alerts not empty, the newest first */
function words([{ feature }, ...others]) {
  const { name, severity } = feature.properties;
  const values = { severity, name: isolate(name) };
  if (others.length === 0) return t("New alert: %(severity)s: %(name)s", values);
  return tn(
    "%(n)s new alert, the newest: %(severity)s: %(name)s",
    "%(n)s new alerts, the newest: %(severity)s: %(name)s",
    others.length + 1,
    values,
  );
}

/**
 * A store as the dialog listens to it. It hears of raised alerts when nobody types, or when the person asks for them.
 * @param {import("../live/store.js").Store} store
 * @param {HTMLElement} dialog
 * @returns {Pick<import("../live/store.js").Store, "alerts" | "subscribe">}
 */
export function politely(store, dialog) {
  /** @type {Set<number>} incidents that the dialog does not know yet */
  let kept = new Set();
  let last;
  let timer;
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
    const text = alerts.length > 0 ? words(alerts.reverse()) : "";
    if (said.textContent !== text) said.textContent = text;
    clearInterval(timer);
    if (alerts.length > 0) timer = setInterval(() => isBusyOutside(dialog) || pass(), LOOK_MS);
  }
  function end() {
    const raised = kept;
    kept = new Set();
    shown();
    return raised;
  }
  const pass = () => hear({ ...last, raised: end(), alerts: true });
  show.addEventListener("click", pass);
  later.addEventListener("click", end);

  return {
    alerts: store.alerts,
    subscribe(listener) {
      hear = listener;
      return store.subscribe((change) => {
        last = { ...change, raised: new Set() };
        if (change.raised.size === 0 || !isBusyOutside(dialog)) listener(change);
        else {
          for (const pk of change.raised) kept.add(pk);
          listener(last);
        }
        shown();
      });
    },
  };
}
