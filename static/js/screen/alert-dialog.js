/**
 * The dialog that interrupts: it lists the incidents with new alerts, the worst first. A button acknowledges only
 * alerts that were on the screen long enough before the press. A note is for the alerts that were there at its start.
 */

import { AlertNote } from "../live/alert-note.js";
import { inOrder, isUnacknowledged } from "../live/alert-order.js";
import { SEEN_MS } from "../live/seen-alerts.js";
import { incidentActions } from "./incident-actions.js";
import { isolate } from "../base/bidi.js";
import { t, tn } from "../base/translate.js";
import { mayDiscard, watchUnsaved } from "../base/unsaved.js";
import { age, alertEntry, signature } from "./alert-entry.js";
import { OnScreen } from "./on-screen.js";

const PORTION = 20; // entries that are shown at first, and with each press on "Show more"
const MOST_SAID = 3; // entries that a screen reader reads out when the dialog changes
const TICK_MS = 30_000; // an age may be wrong for this long

/**
 * @typedef {import("../live/alerts.js").Alert} Alert
 * @typedef {import("../live/alerts.js").AreaAlert} AreaAlert
 * @typedef {object} Actions
 * @property {((alerts: AreaAlert[], note: string) => Promise<unknown>) | null} acknowledge null: this person has no
 *   right to it
 * @property {(seq: number) => void} read called when the person has seen the alerts up to this entry
 * @property {((pk: number) => void) | null} [show] shows an incident on the map; null: this page has none
 * @property {((pk: number, how?: {mute?: boolean}) => void) | null} [more] opens what else can be done
 * @property {(sentence: string, options?: {actions?: HTMLElement[]}) => unknown} [say] shows a notice on the page
 */

/** @param {Alert[]} alerts not empty */
function titleOf(alerts) {
  if (alerts.length > 1) return tn("%(n)s alert", "%(n)s alerts", alerts.length);
  if (alerts[0].reason === "escalated") return t("Alert escalated");
  if (alerts[0].feature.properties.verified === false) return t("Alert: unverified report");
  return alerts[0].reason === "unmuted" ? t("Alert unmuted") : t("Alert");
}

/**
 * @param {HTMLDialogElement} dialog as in _alert_dialog.html
 * @param {Pick<import("../live/store.js").Store, "alerts" | "subscribe">} store
 * @param {Actions} actions
 */
export function showAlerts(dialog, store, { acknowledge, read, show: showOnMap = null, more = null, say = () => {} }) {
  const part = (name) => dialog.querySelector(`#alert-${name}`);
  const act = acknowledge && incidentActions(tell);
  /** @type {Set<number>} incidents whose alerts are in the dialog */
  const shown = new Set();
  /** @type {Map<number, {node: HTMLElement, signature: string}>} the entries, by the incident's key */
  let entries = new Map();
  let most = PORTION;
  let moved = null; // a timer, while entries have just moved: a press could be meant for another one
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

  /** @param {AreaAlert[]} alerts */
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
    part("take").textContent =
      alerts.length < 2
        ? t("Acknowledge")
        : taken.size > 0 && whole < alerts.length
          ? t("Acknowledge %(some)s of %(all)s", { some: whole, all: alerts.length })
          : t("Acknowledge all");
    for (const [pk, { node }] of entries) {
      const isReady = !moved && seen([pk]).length > 0;
      node.querySelector('[data-action="acknowledge"]')?.setAttribute("aria-disabled", String(!isReady));
    }
    showNoteFor(alerts);
  }

  /** Says which alerts the note is for, if it is not for all. @param {Alert[]} alerts */
  function showNoteFor(alerts) {
    const names = alerts
      .filter(({ areas }) => areas.some((area) => !area.acknowledged && note.isFor(area)))
      .map(({ feature }) => isolate(feature.properties.name));
    part("note-for").hidden = !untaken(shown).some((alert) => !note.isFor(alert));
    if (part("note-for").hidden) return;
    part("note-for").textContent =
      names.length > 0
        ? t("This note is for: %(names)s. Newer alerts are not acknowledged with it.", { names: names.join(", ") })
        : t("The alerts of this note are acknowledged or over. Change it to use it for these.");
  }

  /** Says what was done to an incident, or why not: a success has options. @param {string} sentence */
  function tell(sentence, options) {
    part("problem").hidden = Boolean(options) || !dialog.open;
    part("problem").textContent = options ? "" : sentence;
    if (options) part("said").textContent = sentence;
    if (options || !dialog.open) say(sentence, options);
  }

  /** @param {number} pk */
  const takeOne = (pk) => moved || take(seen([pk]));

  /** @param {number} pk */
  function showOne(pk) {
    close();
    if (!dialog.open) showOnMap(pk);
  }

  /** Shows the entries in their order, keeps the nodes of those that did not change, and so the focus. */
  function arrange(alerts) {
    const before = [...entries.keys()];
    const several = alerts.length > 1;
    const focused = /** @type {HTMLElement | null} */ (
      part("list").contains(document.activeElement) && document.activeElement
    );
    const next = new Map();
    for (const alert of alerts.slice(0, most)) {
      const { pk } = alert.feature.properties;
      const key = signature(alert, several);
      const known = entries.get(pk);
      const actions = { acknowledge: several && acknowledge ? takeOne : null, show: showOnMap && showOne, more, act };
      next.set(pk, known?.signature === key ? known : { node: alertEntry(alert, actions), signature: key });
    }
    entries = next;
    const nodes = [...entries.values()].map(({ node }) => node);
    nodes.forEach((node, at) => {
      if (part("list").children[at] !== node) part("list").insertBefore(node, part("list").children[at] ?? null);
    });
    while (part("list").children.length > nodes.length) part("list").lastElementChild.remove();
    if ([...entries.keys()].some((pk, at) => before.includes(pk) && before[at] !== pk)) settle();
    if (focused && !focused.isConnected) part("title").focus();
  }

  function settle() {
    clearTimeout(moved);
    moved = setTimeout(() => {
      moved = null;
      showButtons();
    }, SEEN_MS);
  }

  function show() {
    for (const pk of shown) if (!store.alerts.byIncident.get(pk)?.areas.some(isUnacknowledged)) shown.delete(pk);
    const alerts = inOrder(alertsOf(shown));
    if (alerts.length === 0) return dialog.close();
    part("title").textContent = titleOf(alerts);
    arrange(alerts);
    const left = alerts.length - entries.size;
    part("more").hidden = left === 0;
    part("more").textContent = tn("Show %(n)s more", "Show %(n)s more", Math.min(left, PORTION));
    part("said").textContent = alerts
      .slice(0, MOST_SAID)
      .map(({ feature: { properties } }) => `${properties.severity}: ${isolate(properties.name)}`)
      .join("; ");
    onScreen.look(part("list"));
    showButtons();
    if (!dialog.open) dialog.showModal();
    else if (document.activeElement === document.body) part("title").focus();
  }

  /** Closes the dialog without acknowledging, unless a note would be lost and this person keeps it. */
  function close() {
    if (!mayDiscard(noteText() !== "")) return;
    looked();
    dialog.close();
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
  part("close").addEventListener("click", close);
  part("more").addEventListener("click", () => {
    most += PORTION;
    show();
  });
  dialog.addEventListener("cancel", (event) => {
    if (!mayDiscard(noteText() !== "")) return event.preventDefault();
    looked();
  });
  dialog.addEventListener("close", () => {
    shown.clear();
    entries = new Map();
    most = PORTION;
    part("list").replaceChildren();
    onScreen.look(part("list"));
    clearNote();
    part("problem").hidden = true;
  });
  setInterval(() => {
    for (const [pk, { node }] of entries) node.querySelector(".age").textContent = age(store.alerts.byIncident.get(pk));
  }, TICK_MS);
  store.subscribe(({ raised, alerts }) => {
    for (const pk of raised) shown.add(pk);
    if (shown.size > 0 && (alerts || raised.size > 0)) show();
  });
}
