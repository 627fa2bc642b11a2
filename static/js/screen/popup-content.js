/** The content of a popup about incidents and areas, as nodes, never as HTML. */

import { acknowledgementOf, isUnacknowledged } from "../live/alert-order.js";
import { isolate } from "../base/bidi.js";
import { element, link, metres, mutedWords, severityBadge, stateChips, whenWords } from "../base/elements.js";
import { actionButtons } from "./incident-actions.js";
import { t } from "../base/translate.js";
import { named } from "./on-screen.js";

/**
 * @typedef {object} Context
 * @property {(pk: number) => import("../live/alerts.js").Alert | undefined} alertOf an incident
 * @property {((alerts: import("../live/alerts.js").AreaAlert[]) => void) | null} acknowledge null: this person has no
 *   right to it @property {(alert: import("../live/alerts.js").AreaAlert) => boolean} hasSeen whether this person has
 *   seen it
 * @property {((area: import("../live/messages.js").Feature) => void) | null} editArea null: this person may not
 * @property {import("./incident-actions.js").Actions | null} act null: this person may not
 */

const hint = (words) => element("span", { class: "hint" }, words);

/** @param {import("../live/alerts.js").Acknowledgement} who */
function acknowledgedWords({ by, note }) {
  if (!note) return t("Acknowledged by %(name)s", { name: isolate(by) });
  return t("Acknowledged by %(name)s: %(note)s", { name: isolate(by), note: isolate(note) });
}

/**
 * The name of the person who acknowledged an incident's alert, or the button for that.
 * @param {import("../live/alerts.js").Alert} alert
 * @param {Pick<Context, "acknowledge" | "hasSeen">} context
 */
function alertLine(alert, { acknowledge, hasSeen }) {
  const who = acknowledgementOf(alert);
  const areas = alert.areas.map(({ name }) => isolate(name)).join(", ");
  const words = who ? acknowledgedWords(who) : t("Alert in %(areas)s", { areas });
  const line = element("div", { class: "line alert-line" }, hint(words));
  line.dataset.alerts = named(alert.areas);
  if (!acknowledge || !alert.areas.some(isUnacknowledged)) return line;
  const button = element("button", { type: "button" }, t("Acknowledge"));
  const seen = alert.areas.filter((area) => !area.acknowledged && hasSeen(area));
  button.disabled = seen.length === 0;
  button.addEventListener("click", () => acknowledge(seen));
  line.append(button);
  return line;
}

/** How exactly the place is known, if that is known. @param {Record<string, any>} properties */
const accuracy = ({ accuracy }) =>
  accuracy > 0 ? [hint(t("accurate to %(distance)s", { distance: metres(accuracy) }))] : [];

/** @param {import("../live/messages.js").Feature} feature @param {Context} context */
function one(feature, { alertOf, editArea, act, ...context }) {
  const { properties } = feature;
  const { name, severity, url, model, pk } = properties;
  const badge = severityBadge(severity);
  const facts =
    model === "Incident"
      ? [badge, ...stateChips(properties), hint(whenWords(properties)), ...accuracy(properties)]
      : [hint(t("Area, alert level (and higher):")), badge];
  const node = element(
    "div",
    {},
    link(url, name, { class: "incident", title: name }),
    element("div", { class: "line" }, ...facts),
  );
  const alert = model === "Incident" ? alertOf(pk) : undefined;
  if (alert) node.append(alertLine(alert, context));
  if (model === "Incident" && act) node.append(element("div", { class: "line acts" }, ...actionButtons(feature, act)));
  const muted = mutedWords(properties);
  if (muted) node.append(element("div", { class: "line" }, hint(muted)));
  if (model === "AreaOfInterest" && editArea) {
    const button = element("button", { type: "button" }, t("Edit here"));
    button.addEventListener("click", () => editArea(feature));
    node.append(element("div", { class: "line" }, button));
  }
  return node;
}

/** @param {import("../live/messages.js").Feature[]} features @param {Context} context */
export function popupContent(features, context) {
  return element("div", { class: "popup" }, ...features.map((feature) => one(feature, context)));
}
