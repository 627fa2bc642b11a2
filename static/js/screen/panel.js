/**
 * The panel beside the map, with a tab of the open alerts and one of the incidents in view, newest first. Both obey the
 * filter. It knows the map's view only as a box, and keeps the reader's scroll position.
 */

import { isBeyondMap } from "../base/geojson.js";
import { inOrder, stateOf } from "../live/alert-order.js";
import { strictness } from "../live/filter.js";
import { language, t, tn } from "../base/translate.js";
import { named, OnScreen } from "./on-screen.js";
import { alertWords, contains, incidentWords, MAX_ROWS, newestIn, summaryWords } from "./panel-entries.js";
import { arrange, keepingPlace, moveByArrows } from "./rows.js";
import { makeTabs } from "./tabs.js";

const PAUSE_MS = 300; // between two updates of the list during a burst
const TICK_MS = 30_000; // "2 min. ago" may be wrong for this long

/** @typedef {import("./panel-entries.js").Box} Box */

/** Whether a place is on the map, but outside of this box. */
const isElsewhere = (view, { coordinates }) => !isBeyondMap(coordinates) && !contains(view, coordinates);

/**
 * @param {HTMLElement} panel
 * @param {import("../live/store.js").Store} store @param {import("../live/selection.js").Selection} selection
 * @param {{box: () => Box, choose: (pk: number, how: {byKey: boolean}) => void, point: (pk: number | null) => void,
 *   fit: (geometries: import("../base/geojson.js").Geometry[]) => void}} view fit: shows all of them
 * @returns {{refresh: () => void, hasSeen: (alert: import("../live/alerts.js").AreaAlert) => boolean}} refresh: call it
 *   when the view has changed
 */
export function showPanel(panel, store, selection, { box, choose, point, fit }) {
  const part = (id) => panel.querySelector(`#${id}`);
  const onScreen = new OnScreen();
  const chooseTab = makeTabs(panel.querySelector('[role="tablist"]'));
  const elsewhere = { alert: [], incident: [] };
  let timer = null;
  let waited = 0; // unacknowledged alerts so far that pass the filter

  /** Says how many of a tab's features are outside of the view; a press shows them. */
  function showElsewhere(kind, features) {
    const line = part(`${kind}-elsewhere`);
    elsewhere[kind] = features.map(({ geometry }) => geometry);
    line.hidden = features.length === 0;
    line.firstElementChild.textContent = tn("%(n)s elsewhere: show", "%(n)s elsewhere: show", features.length);
  }

  function showAlerts() {
    const all = [...store.alerts.byIncident.values()];
    const alerts = all.filter(({ feature }) => selection.shown.has(feature.properties.pk));
    const matching = alerts.filter((alert) => stateOf(alert) === "unacknowledged").length;
    const { unacknowledged } = store.alerts;
    const view = box();
    part("alert-count").hidden = unacknowledged === 0;
    part("alert-count").textContent = unacknowledged.toLocaleString(language);
    const shown = Math.min(alerts.length, MAX_ROWS);
    part("alert-shown").hidden = shown === all.length;
    part("alert-shown").textContent = t("%(n)s of %(all)s shown", {
      n: shown.toLocaleString(language),
      all: all.length.toLocaleString(language),
    });
    part("alert-empty").hidden = alerts.length > 0;
    part("alert-empty").textContent = all.length > 0 ? t("No matches") : t("No open alerts");
    showElsewhere(
      "alert",
      alerts.map(({ feature }) => feature).filter(({ geometry }) => isElsewhere(view, geometry)),
    );
    // Alerts come first, unless somebody has chosen a tab or works in this one.
    if (matching > 0 && waited === 0 && !panel.contains(document.activeElement)) chooseTab("tab-alerts");
    waited = matching;
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
    return unacknowledged;
  }

  function showIncidents() {
    const view = box();
    const { count, first } = newestIn(selection.shown.values(), view);
    part("incident-count").textContent = count.toLocaleString(language);
    part("incident-empty").hidden = count > 0;
    const isFiltered = strictness(selection.filter) > 0;
    part("incident-empty").textContent = isFiltered
      ? t("No matches in this view")
      : selection.shown.size > 0
        ? t("No open incidents in this view")
        : t("No open incidents. New ones appear here at once.");
    part("incident-more").hidden = count <= MAX_ROWS;
    const isAll = count === selection.shown.size;
    showElsewhere(
      "incident",
      isAll ? [] : [...selection.shown.values()].filter(({ geometry }) => isElsewhere(view, geometry)),
    );
    arrange(
      part("incident-rows"),
      first.map((feature) => ({
        key: `${feature.properties.pk} ${feature.properties.updated}`,
        feature,
        more: incidentWords(feature.properties),
      })),
      { choose, point },
    );
    return count;
  }

  function refresh() {
    if (timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      keepingPlace(part("panel-body"), () => {
        part("panel-summary").textContent = summaryWords(showAlerts(), showIncidents());
      });
    }, PAUSE_MS);
  }

  for (const kind of ["alert", "incident"])
    part(`${kind}-elsewhere`).firstElementChild.addEventListener("click", () => fit(elsewhere[kind]));
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
