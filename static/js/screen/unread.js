/**
 * The number of unread alerts: in the navigation, in the title, and once as a summary after an absence.
 */

import { element } from "../base/elements.js";

/** @param {HTMLElement} badge hidden at zero @param {import("../live/store.js").Store} store */
export function showUnread(badge, store) {
  const title = document.title;
  store.subscribe((change) => {
    if (!change.alerts) return;
    const { unread } = store.alerts;
    badge.hidden = unread === 0;
    badge.textContent = String(unread);
    document.title = unread > 0 ? `(${unread}) ${title}` : title;
  });
}

/** @param {import("../live/alerts.js").Alerts} alerts @returns {string} */
export function summary({ unread, waiting }) {
  const came = unread === 1 ? "1 alert since you last looked" : `${unread} alerts since you last looked`;
  return waiting === 0
    ? `${came}. Nobody is waited for.`
    : `${came}. ${waiting} still ${waiting === 1 ? "waits" : "wait"} for somebody.`;
}

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
    const button = element("button", { type: "button" }, "Mark as read");
    button.addEventListener("click", () => read(seq));
    say(summary(store.alerts), {
      actions: [element("a", { href: alertsPage, class: "button" }, "Show"), button],
      stay: true,
    });
  });
}
