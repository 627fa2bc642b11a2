/** One incident in the alert dialog, as nodes. */

import { isQuiet, isUnacknowledged, raisedAt } from "../live/alert-order.js";
import { isolate } from "../base/bidi.js";
import { element, link, severityBadge, sinceWords, stateWords } from "../base/elements.js";
import { severityNamed } from "../base/severity.js";
import { t } from "../base/translate.js";
import { actionButtons } from "./incident-actions.js";
import { named } from "./on-screen.js";

/**
 * @typedef {import("../live/alerts.js").Alert} Alert
 * @typedef {object} EntryActions each null if this person or page can't do it; they take the incident's primary key
 * @property {((pk: number) => void) | null} acknowledge
 * @property {((pk: number) => void) | null} show on the map
 * @property {((pk: number, how?: {mute?: boolean}) => void) | null} more mute: at the mute
 * @property {import("./incident-actions.js").Actions | null} act closes, confirms or discards the incident
 */

/** Why an alert interrupts, if it was not just raised. @param {string} reason */
const reasonWords = (reason) => ({ escalated: t("Escalated"), unmuted: t("Unmuted") })[reason];

/** @param {import("../live/alerts.js").AreaAlert} area */
function chip(area) {
  const { name, url, acknowledged } = area;
  const quiet = !isUnacknowledged(area);
  const values = { area: isolate(name), name: isolate(acknowledged?.by ?? "") };
  const words = acknowledged
    ? t("%(area)s: acknowledged by %(name)s", values)
    : isQuiet(area)
      ? t("%(area)s: muted", values)
      : isolate(name);
  return element("li", {}, link(url, words, { class: `chip${quiet ? " quiet-area" : ""}`, title: words }));
}

function action(words, name, press) {
  const button = element("button", { type: "button", "aria-label": `${words}: ${isolate(name)}` }, words);
  button.addEventListener("click", press);
  return button;
}

/** What an entry shows, as a text that changes with it. @param {Alert} alert @param {boolean} several */
export const signature = ({ feature, areas, reason }, several) =>
  JSON.stringify([feature.properties, areas, reason, several]);

/** The age of an incident's alerts. @param {Alert} alert */
export const age = (alert) => sinceWords(raisedAt(alert));

/** @param {Alert} alert @param {EntryActions} actions acknowledge: null as well if it is the only entry */
export function alertEntry(alert, { acknowledge, show, more, act }) {
  const { feature, areas, reason } = alert;
  const { pk, name, severity, url, description } = feature.properties;
  const line = element("div", { class: "line" }, severityBadge(severity));
  line.append(element("span", { class: "hint age" }, age(alert)));
  const states = [reasonWords(reason), ...stateWords(feature.properties)].filter(Boolean);
  for (const words of states) line.append(element("span", { class: "state" }, words));
  const words = element("div", {}, link(url, name, { class: "incident clamp", title: name }), line);
  const head = element("div", { class: "alert-head", "data-alerts": named(areas) }, words);
  if (acknowledge) {
    const button = action(t("Acknowledge"), name, () => acknowledge(pk));
    button.dataset.action = "acknowledge";
    head.append(button);
  }
  const entry = element("li", { class: `severity-${severityNamed(severity).code}`, "data-pk": String(pk) }, head);
  if (description) entry.append(element("p", { class: "description" }, description));
  entry.append(element("ul", { class: "chips" }, ...areas.map(chip)));
  const buttons = element("div", { class: "line entry-actions" });
  if (show) {
    const toMap = action(t("Show on map"), name, () => show(pk));
    toMap.classList.add("needs-map");
    buttons.append(toMap);
  }
  if (more) buttons.append(action(t("Mute…"), name, () => more(pk, { mute: true })));
  if (act) buttons.append(...actionButtons(feature, act));
  if (buttons.children.length > 0) entry.append(buttons);
  return entry;
}
