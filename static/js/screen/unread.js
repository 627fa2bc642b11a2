/**
 * The number of incidents with unacknowledged alerts, in the navigation and in the title. After an absence, once, a
 * summary of the unread alerts.
 */

import { element } from "../base/elements.js";
import { t, tn } from "../base/translate.js";

/** @param {HTMLElement} badge hidden at zero @param {import("../live/store.js").Store} store */
export function showUnread(badge, store) {
  const title = document.title;
  store.subscribe((change) => {
    if (!change.alerts) return;
    const { unacknowledged } = store.alerts;
    badge.hidden = unacknowledged === 0;
    badge.textContent = String(unacknowledged);
    document.title = unacknowledged > 0 ? `(${unacknowledged}) ${title}` : title;
  });
}

/** @param {Pick<import("../live/alerts.js").Alerts, "unread" | "unacknowledged">} alerts @returns {string} */
export const summary = ({ unread, unacknowledged }) =>
  tn(
    "%(n)s alert since you last looked. Unacknowledged: %(open)s.",
    "%(n)s alerts since you last looked. Unacknowledged: %(open)s.",
    unread,
    { open: unacknowledged },
  );

/**
 * Shows once, after loading, a summary of the alerts during the person's absence.
 * @param {import("../live/store.js").Store} store
 * @param {{say: (sentence: string, options: object) => void, alertsPage: string, read: (seq: number) => void}} page
 */
export function summarise(store, { say, alertsPage, read }) {
  const stop = store.subscribe((change) => {
    if (!change.reset) return;
    stop();
    if (store.alerts.unread === 0) return;
    const { seq } = store;
    const button = element("button", { type: "button" }, t("Mark as read"));
    button.addEventListener("click", () => read(seq));
    say(summary(store.alerts), {
      actions: [element("a", { href: alertsPage, class: "button" }, t("Show")), button],
      stay: true,
    });
  });
}
