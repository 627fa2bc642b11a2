/** The dialog that interrupts: names each incident and the areas it is in, and takes "I have it". Several alerts are one dialog. */

import { isWaiting } from "./alerts.js";
import { isolate } from "./bidi.js";
import { element, link, severityBadge } from "./elements.js";
import { severityNamed } from "./severity.js";

const MAX_ENTRIES = 20; // a dialog is read, not scrolled for minutes; the panel lists them all

/**
 * @typedef {object} Actions
 * @property {((ids: number[], note: string) => Promise<unknown>) | null} acknowledge null: this person may not
 * @property {(seq: number) => void} read told when the person has looked at alerts up to this entry
 */

const hint = (words) => element("span", { class: "hint" }, words);

/** @param {import("./alerts.js").AreaAlert} area */
function areaLine({ name, url, severity, muted, acknowledged }) {
  const state = acknowledged ? `${isolate(acknowledged.by)} has it` : muted ? "muted" : severity && `alerts from ${severity}`;
  return element("li", {}, element("div", { class: "line" }, link(url, name), hint(state)));
}

const STATES = { escalated: "Escalated", unmuted: "No longer muted" };

/** @param {import("./alerts.js").Alert} alert @param {(() => void) | null} take */
function entry({ feature, areas, reason }, take) {
  const { name, severity, url } = feature.properties;
  const line = element("div", { class: "line" }, severityBadge(severity));
  if (reason in STATES) line.append(element("span", { class: "state" }, STATES[reason]));
  const words = element("div", {}, link(url, name, { class: "incident" }), line);
  const head = element("div", { class: "alert-head" }, words);
  if (take) {
    const button = element("button", { type: "button", "aria-label": `I have it: ${isolate(name)}` }, "I have it");
    button.addEventListener("click", take);
    head.append(button);
  }
  return element("li", { class: `severity-${severityNamed(severity).code}` }, head, element("ul", { class: "areas" }, ...areas.map(areaLine)));
}

const TITLES = { escalated: "Alert: it got worse", unmuted: "Alert: no longer muted" };
const title = (alerts) => (alerts.length > 1 ? `${alerts.length} alerts` : TITLES[alerts[0].reason] ?? "Alert");

/**
 * @param {HTMLDialogElement} dialog as in map.html
 * @param {import("./store.js").Store} store
 * @param {Actions} actions
 */
export function showAlerts(dialog, store, { acknowledge, read }) {
  const part = (name) => dialog.querySelector(`#alert-${name}`);
  /** @type {Set<number>} incidents whose alerts are in the dialog */
  const shown = new Set();
  const alertsOf = (keys) => [...keys].map((pk) => store.alerts.byIncident.get(pk)).filter(Boolean);

  function looked() {
    const seqs = alertsOf(shown).flatMap(({ areas }) => areas).map(({ seq }) => seq);
    if (seqs.length > 0 && store.alerts.areAllUnread(shown)) read(Math.max(...seqs));
  }

  async function take(keys) {
    const ids = alertsOf(keys).flatMap(({ areas }) => areas).filter(({ acknowledged }) => !acknowledged).map(({ id }) => id);
    looked();
    part("problem").hidden = true;
    try {
      await acknowledge(ids, part("note").value.trim());
      part("note").value = "";
    } catch (error) {
      part("problem").textContent = error.message;
      part("problem").hidden = false;
    }
  }

  function show() {
    for (const pk of shown) if (!store.alerts.byIncident.get(pk)?.areas.some(isWaiting)) shown.delete(pk);
    const alerts = alertsOf(shown).reverse();
    if (alerts.length === 0) return dialog.close();
    const several = alerts.length > 1;
    part("title").textContent = title(alerts);
    const takeOne = (alert) => (several && acknowledge ? () => take([alert.feature.properties.pk]) : null);
    part("list").replaceChildren(...alerts.slice(0, MAX_ENTRIES).map((alert) => entry(alert, takeOne(alert))));
    if (alerts.length > MAX_ENTRIES) part("list").append(element("li", { class: "hint" }, `And ${alerts.length - MAX_ENTRIES} more, in the list beside the map.`));
    part("take").textContent = several ? "I have all of them" : "I have it";
    part("said").textContent = alerts.slice(0, 3).map(({ feature: { properties: { name, severity } } }) => `${severity}: ${isolate(name)}`).join("; ");
    if (!dialog.open) dialog.showModal();
    else if (!dialog.contains(document.activeElement)) part("title").focus();
  }

  for (const name of ["note-field", "take"]) part(name).hidden = !acknowledge;
  part("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (acknowledge) take(shown);
  });
  part("close").addEventListener("click", () => {
    looked();
    dialog.close();
  });
  dialog.addEventListener("cancel", looked);
  dialog.addEventListener("close", () => {
    shown.clear();
    part("note").value = "";
    part("problem").hidden = true;
  });
  store.subscribe(({ raised, alerts }) => {
    for (const pk of raised) {
      shown.delete(pk); // so that it comes first
      shown.add(pk);
    }
    if (shown.size > 0 && (alerts || raised.size > 0)) show();
  });
}
