/** The alerts of a wall screen: a card for each incident, as many as fit, and the number of the others. */

import { isQuiet, inOrder, raisedAt, stateOf, acknowledgementOf } from "../live/alert-order.js";
import { isolate } from "../base/bidi.js";
import { element, severityShape } from "../base/elements.js";
import { severityNamed } from "../base/severity.js";
import { language, t, tn } from "../base/translate.js";

const MOST = 60; // cards that are made; even a tall screen shows fewer
const MINUTE_MS = 60_000;

/** @type {[Intl.NumberFormatOptions["unit"], number][]} */
const UNITS = [
  ["day", 1_440],
  ["hour", 60],
  ["minute", 1],
];

/** An age in its largest unit, such as "12 min". @param {string} moment ISO 8601 @param {number} now ms since 1970 */
export function ageWords(moment, now) {
  const minutes = Math.max(0, Math.floor((now - Date.parse(moment)) / MINUTE_MS));
  const [unit, size] = UNITS.find(([, length]) => minutes >= length) ?? ["minute", 1];
  const style = { style: "unit", unit, unitDisplay: "short" };
  return new Intl.NumberFormat(language, /** @type {Intl.NumberFormatOptions} */ (style)).format(
    Math.floor(minutes / size),
  );
}

/** @param {import("../live/alerts.js").Alert} alert */
function card(alert) {
  const { name, severity, verified } = alert.feature.properties;
  const taken = acknowledgementOf(alert);
  const by = taken && t("Acknowledged by %(name)s", { name: isolate(taken.by) });
  const areas = alert.areas.filter((area) => !isQuiet(area)).map(({ name: area }) => isolate(area));
  const age = element("time", { datetime: raisedAt(alert), class: "kiosk-age" });
  return element(
    "li",
    { class: `kiosk-card severity-${severityNamed(severity).code}`, "data-state": stateOf(alert) },
    element("p", { class: "kiosk-head" }, severityShape(severity), element("span", {}, severity), age),
    element("p", { class: "kiosk-name" }, isolate(name)),
    element("p", { class: "kiosk-areas" }, areas.join(", ")),
    element("p", { class: "kiosk-state" }, by ?? t("Unacknowledged")),
    verified === false ? element("p", { class: "kiosk-state" }, t("Unverified")) : "",
  );
}

/**
 * @param {import("../live/store.js").Store} store
 * @param {() => number} now the server's time, in ms since 1970
 */
export function showCards(store, now) {
  const part = (name) => document.getElementById(`kiosk-${name}`);
  let alerts = [];

  function age() {
    for (const each of part("cards").querySelectorAll("time")) each.textContent = ageWords(each.dateTime, now());
  }

  /** Hides the cards from the first that doesn't fit, and counts them. */
  function fit() {
    const cards = [...part("cards").children];
    for (const each of cards) each.hidden = false;
    part("more").hidden = false; // it takes room, too
    const { bottom } = part("cards").getBoundingClientRect();
    const first = cards.findIndex((each) => each.getBoundingClientRect().bottom > bottom + 1);
    const fitting = first < 0 ? cards.length : first; // none after it, so that the worst are shown
    for (const each of cards.slice(fitting)) each.hidden = true;
    const rest = alerts.length - fitting;
    part("more").hidden = rest === 0;
    part("more").textContent = tn("and %(n)s more", "and %(n)s more", rest);
  }

  function show() {
    alerts = inOrder(store.alerts.byIncident.values()).filter((alert) => stateOf(alert) !== "muted");
    part("cards").replaceChildren(...alerts.slice(0, MOST).map(card));
    const { unacknowledged } = store.alerts;
    part("count").dataset.some = unacknowledged > 0 ? "yes" : "no";
    part("count").textContent =
      alerts.length === 0 ? t("No alerts") : tn("%(n)s unacknowledged", "%(n)s unacknowledged", unacknowledged);
    document.body.classList.toggle("calm", alerts.length === 0); // then the map has all of the screen
    age();
    fit();
  }

  function count() {
    part("open").textContent = tn("%(n)s open incident", "%(n)s open incidents", store.incidents.size);
  }

  store.subscribe(({ alerts: changed, reset, incidents }) => {
    if (changed || reset) show();
    if (reset || incidents.changed.size > 0 || incidents.removed.size > 0) count();
  });
  new ResizeObserver(fit).observe(part("cards"));
  setInterval(age, MINUTE_MS / 4);
}
