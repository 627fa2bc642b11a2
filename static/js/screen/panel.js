/**
 * The panel beside the map: open alerts first, then the selected incidents in view, newest first. It knows the map's
 * view only as a box, and keeps the reader's scroll position.
 */

import { inOrder, stateOf } from "../live/alert-order.js";
import { strictness } from "../live/filter.js";
import { named, OnScreen } from "./on-screen.js";
import { alertWords, incidentWords, MAX_ROWS, newestIn } from "./panel-entries.js";
import { arrange, keepingPlace, moveByArrows } from "./rows.js";

const PAUSE_MS = 300; // between two updates of the list during a burst
const TICK_MS = 30_000; // "2 min. ago" may be wrong for this long

/** @typedef {import("./panel-entries.js").Box} Box */

/**
 * @param {HTMLElement} panel
 * @param {import("../live/store.js").Store} store @param {import("../live/selection.js").Selection} selection
 * @param {{box: () => Box, choose: (pk: number, how: {byKey: boolean}) => void, point: (pk: number | null) => void}}
 *   view
 * @returns {{refresh: () => void, hasSeen: (alert: import("../live/alerts.js").AreaAlert) => boolean}} refresh: call it
 *   when the view has changed
 */
export function showPanel(panel, store, selection, { box, choose, point }) {
  const part = (id) => panel.querySelector(`#${id}`);
  const number = new Intl.NumberFormat("en");
  const onScreen = new OnScreen();
  let timer = null;

  function showAlerts() {
    const alerts = [...store.alerts.byIncident.values()];
    const { unacknowledged } = store.alerts;
    part("panel-alerts").hidden = alerts.length === 0;
    part("alert-count").textContent = `${number.format(unacknowledged)} unacknowledged`;
    part("alerts-unfiltered").hidden = strictness(selection.filter) === 0;
    arrange(
      part("alert-rows"),
      inOrder(alerts)
        .slice(0, MAX_ROWS)
        .map((alert) => ({
          key: `${alert.seq} ${alert.feature.properties.updated}`,
          feature: alert.feature,
          more: alertWords(alert),
          waits: stateOf(alert) === "unacknowledged",
          alerts: named(alert.areas),
        })),
      { choose, point },
    );
    onScreen.look(part("alert-rows"));
  }

  function showIncidents() {
    const { count, first } = newestIn(selection.shown.values(), box());
    part("incident-count").textContent = number.format(count);
    part("incident-empty").hidden = count > 0;
    const filtered = strictness(selection.filter) > 0;
    part("incident-empty").textContent = filtered
      ? "Nothing in this part of the map passes the filter."
      : "No open incident in this part of the map.";
    part("incident-more").hidden = count <= MAX_ROWS;
    part("incident-more").textContent = `The newest ${MAX_ROWS}. Come closer to see the others.`;
    part("panel-summary").textContent = `${number.format(count)} ${count === 1 ? "incident" : "incidents"} in view`;
    arrange(
      part("incident-rows"),
      first.map((feature) => ({
        key: `${feature.properties.pk} ${feature.properties.updated}`,
        feature,
        more: incidentWords(feature.properties),
      })),
      { choose, point },
    );
  }

  function refresh() {
    if (timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      keepingPlace(part("panel-body"), () => {
        showAlerts();
        showIncidents();
      });
    }, PAUSE_MS);
  }

  const toggle = part("panel-toggle");
  toggle.addEventListener("click", () =>
    toggle.setAttribute("aria-expanded", String(toggle.getAttribute("aria-expanded") === "false")),
  );
  panel.addEventListener(
    "click",
    ({ target }) => /** @type {Element} */ (target).closest(".row") && toggle.setAttribute("aria-expanded", "false"),
  );
  for (const list of [part("alert-rows"), part("incident-rows")]) moveByArrows(list);
  store.subscribe(({ alerts }) => alerts && refresh());
  selection.subscribe(refresh);
  setInterval(refresh, TICK_MS);
  return { refresh, hasSeen: (alert) => onScreen.has(alert) };
}
