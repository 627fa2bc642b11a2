/** Alerts, the badge and the connection on a page without a map. */

import { within } from "../base/addresses.js";
import { nextFrame } from "../base/schedule.js";
import { alertCalls } from "../live/alert-calls.js";
import { followAlerts } from "../live/alert-feed.js";
import { Store } from "../live/store.js";
import { alertActions } from "./alert-actions.js";
import { showAlerts } from "./alert-dialog.js";
import { politely } from "./alert-notice.js";
import { callAttention } from "./attention.js";
import { showConnection } from "./connection-label.js";
import { showUnread } from "./unread.js";

const part = (id) => document.getElementById(id);

/** @param {DOMStringMap} found of the element that a page without a map has for this */
export function showAlertsOnPage({ place, mayEdit }) {
  const api = within("/api/");
  const store = new Store({ schedule: nextFrame, onlyAlerts: true });
  showConnection(part("connection"), store);
  showUnread(part("unread"), store);
  const calls = alertCalls({ api, mayEdit }, store);
  const dialog = part("alert-dialog");
  showAlerts(dialog, politely(store, dialog), {
    ...calls,
    more: alertActions(store, calls),
    show: (pk) => location.assign(within(`/#incident=${pk}`)),
  });
  callAttention(store);
  const addresses = {
    alerts: `${api}alerts/`,
    notifications: within("/notifications"),
    poll: `${api}notifications`,
  };
  followAlerts(store, addresses, JSON.parse(place));
}
