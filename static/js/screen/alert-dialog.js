/**
 * The dialog that interrupts: it names each incident and its areas, and has the button "I have it". Several alerts are
 * one dialog. The button acknowledges only alerts that were on the screen long enough. With a note, these are the
 * alerts at the start of the note.
 */

import { AlertNote } from "../live/alert-note.js";
import { isUnacknowledged } from "../live/alert-order.js";
import { isolate } from "../base/bidi.js";
import { element, link, severityBadge } from "../base/elements.js";
import { named, OnScreen } from "./on-screen.js";
import { severityNamed } from "../base/severity.js";
import { mayDiscard, watchUnsaved } from "../base/unsaved.js";

const MAX_ENTRIES = 20; // more would need long scrolling; the panel lists all

/**
 * @typedef {object} Actions
 * @property {((alerts: import("../live/alerts.js").AreaAlert[], note: string) => Promise<unknown>) | null} acknowledge
 *   null: this person has no right to it
 * @property {(seq: number) => void} read called when the person has seen the alerts up to this entry
 */

const hint = (words) => element("span", { class: "hint" }, words);

/** @param {import("../live/alerts.js").AreaAlert} area */
function areaLine(area) {
  const { name, url, severity, muted, acknowledged } = area;
  const state = acknowledged
    ? `${isolate(acknowledged.by)} has it`
    : muted
      ? "muted"
      : severity && `alerts from ${severity}`;
  return element(
    "li",
    { "data-alerts": named([area]) },
    element("div", { class: "line" }, link(url, name), hint(state)),
  );
}

const STATES = { escalated: "Escalated", unmuted: "No longer muted" };

/** @param {import("../live/alerts.js").Alert} alert @param {HTMLButtonElement | null} button */
function entry({ feature, areas, reason }, button) {
  const { name, severity, url } = feature.properties;
  const line = element("div", { class: "line" }, severityBadge(severity));
  if (reason in STATES) line.append(element("span", { class: "state" }, STATES[reason]));
  const words = element("div", {}, link(url, name, { class: "incident" }), line);
  const head = element("div", { class: "alert-head" }, words);
  if (button) head.append(button);
  return element(
    "li",
    { class: `severity-${severityNamed(severity).code}` },
    head,
    element("ul", { class: "areas" }, ...areas.map(areaLine)),
  );
}

const TITLES = { escalated: "Alert: it got worse", unmuted: "Alert: no longer muted" };
const title = (alerts) => (alerts.length > 1 ? `${alerts.length} alerts` : (TITLES[alerts[0].reason] ?? "Alert"));

/**
 * @param {HTMLDialogElement} dialog as in map.html
 * @param {import("../live/store.js").Store} store
 * @param {Actions} actions
 */
export function showAlerts(dialog, store, { acknowledge, read }) {
  const part = (name) => dialog.querySelector(`#alert-${name}`);
  /** @type {Set<number>} incidents whose alerts are in the dialog */
  const shown = new Set();
  /** @type {Map<number, HTMLButtonElement>} buttons that acknowledge one incident, by its key */
  let buttons = new Map();
  const onScreen = new OnScreen(showButtons);
  const note = new AlertNote();
  const alertsOf = (keys) => [...keys].map((pk) => store.alerts.byIncident.get(pk)).filter(Boolean);
  const untaken = (keys) =>
    alertsOf(keys)
      .flatMap(({ areas }) => areas)
      .filter(({ acknowledged }) => !acknowledged);
  const seen = (keys) => untaken(keys).filter((alert) => onScreen.has(alert));
  const takeable = () => seen(shown).filter((alert) => note.isFor(alert));
  const noteText = () => part("note").value.trim();

  function looked() {
    const areas = alertsOf(shown).flatMap((alert) => alert.areas);
    const all = areas.length > 0 && areas.every((area) => onScreen.has(area));
    if (all && store.alerts.areAllUnread(shown)) read(Math.max(...areas.map(({ seq }) => seq)));
  }

  /** @param {import("../live/alerts.js").AreaAlert[]} alerts */
  async function take(alerts) {
    if (alerts.length === 0) return;
    const noted = alerts.every((alert) => note.isFor(alert));
    looked();
    part("problem").hidden = true;
    try {
      await acknowledge(alerts, noted ? noteText() : "");
      if (noted) clearNote();
    } catch (error) {
      part("problem").textContent = error.message;
      part("problem").hidden = false;
    }
  }

  function clearNote() {
    part("note").value = "";
    note.follow("", []);
    showButtons();
  }

  /** Enables the buttons for the alerts that can be acknowledged now, and shows how many these are. */
  function showButtons() {
    const taken = new Set(takeable());
    const alerts = alertsOf(shown);
    const whole = alerts.filter(({ areas }) => areas.every((area) => area.acknowledged || taken.has(area))).length;
    part("take").disabled = taken.size === 0;
    const some = taken.size > 0 && whole < alerts.length ? `I have ${whole} of ${alerts.length}` : "I have all of them";
    part("take").textContent = alerts.length > 1 ? some : "I have it";
    for (const [pk, button] of buttons) button.disabled = seen([pk]).length === 0;
    const others = untaken(shown).some((alert) => !note.isFor(alert));
    const names = alerts
      .filter(({ areas }) => areas.some((area) => !area.acknowledged && note.isFor(area)))
      .map(({ feature }) => isolate(feature.properties.name));
    part("note-for").hidden = !others;
    if (!others) return;
    part("note-for").textContent =
      names.length > 0
        ? `This note is for: ${names.join(", ")}. What came later stays.`
        : "What this note was for is taken or over. Change it to use it for these.";
  }

  /** @param {import("../live/alerts.js").Alert} alert */
  function takeOne({ feature }) {
    const { pk, name } = feature.properties;
    const button = element("button", { type: "button", "aria-label": `I have it: ${isolate(name)}` }, "I have it");
    button.addEventListener("click", () => take(seen([pk])));
    buttons.set(pk, button);
    return button;
  }

  function show() {
    for (const pk of shown) if (!store.alerts.byIncident.get(pk)?.areas.some(isUnacknowledged)) shown.delete(pk);
    const alerts = alertsOf(shown).reverse();
    if (alerts.length === 0) return dialog.close();
    const several = alerts.length > 1;
    part("title").textContent = title(alerts);
    buttons = new Map();
    part("list").replaceChildren(
      ...alerts.slice(0, MAX_ENTRIES).map((alert) => entry(alert, several && acknowledge ? takeOne(alert) : null)),
    );
    if (alerts.length > MAX_ENTRIES)
      part("list").append(
        element("li", { class: "hint" }, `And ${alerts.length - MAX_ENTRIES} more, in the list beside the map.`),
      );
    part("said").textContent = alerts
      .slice(0, 3)
      .map(({ feature: { properties } }) => `${properties.severity}: ${isolate(properties.name)}`)
      .join("; ");
    onScreen.look(part("list"));
    showButtons();
    if (!dialog.open) dialog.showModal();
    else if (!dialog.contains(document.activeElement)) part("title").focus();
  }

  for (const name of ["note-field", "take"]) part(name).hidden = !acknowledge;
  part("note").addEventListener("input", () => {
    note.follow(noteText(), untaken(shown));
    showButtons();
  });
  watchUnsaved(() => dialog.open && noteText() !== "");
  part("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (acknowledge) take(takeable());
  });
  part("close").addEventListener("click", () => {
    if (!mayDiscard(noteText() !== "")) return;
    looked();
    dialog.close();
  });
  dialog.addEventListener("cancel", (event) => {
    if (!mayDiscard(noteText() !== "")) return event.preventDefault();
    looked();
  });
  dialog.addEventListener("close", () => {
    shown.clear();
    part("list").replaceChildren();
    onScreen.look(part("list"));
    clearNote();
    part("problem").hidden = true;
  });
  store.subscribe(({ raised, alerts }) => {
    for (const pk of raised) {
      shown.delete(pk); // this puts it first
      shown.add(pk);
    }
    if (shown.size > 0 && (alerts || raised.size > 0)) show();
  });
}
