/**
 * The panel beside the map: open alerts first, then the selected incidents in view, newest first. It knows the view only
 * as a box, and keeps the reader's place in the list.
 */

import { isWaiting, whoHasIt } from "./alerts.js";
import { strictness } from "./filter.js";
import { element, severityShape, sinceWords } from "./elements.js";

const MAX_ROWS = 100; // more than anyone reads, few enough to be drawn at once
const PAUSE_MS = 300; // between two rebuildings of the list during a burst
const TICK_MS = 30_000; // "2 min. ago" may be wrong for this long

/** @typedef {[number, number, number, number]} Box west, south, east, north */

/** @param {Box} box @param {[number, number]} position */
export function contains([west, south, east, north], [longitude, latitude]) {
  const shifted = longitude + 360 * Math.ceil((west - longitude) / 360); // the first copy of it not west of the box
  return latitude >= south && latitude <= north && shifted <= east;
}

const newer = ({ properties: a }, { properties: b }) => (a.created < b.created ? 1 : a.created > b.created ? -1 : b.pk - a.pk);

/**
 * The newest incidents in the box. With tens of thousands of them this runs often, so it sorts hardly more than it returns.
 * @param {Iterable<import("./messages.js").Feature>} incidents @param {Box} box
 */
export function newestIn(incidents, box) {
  const first = [];
  let oldest = "";
  let count = 0;
  const cut = () => {
    first.sort(newer).splice(MAX_ROWS);
    oldest = first[MAX_ROWS - 1]?.properties.created ?? "";
  };
  // The last to come are mostly the newest, so from the end hardly any has to be taken in only to be cut off again.
  for (const incident of [...incidents].reverse()) {
    if (!contains(box, incident.geometry.coordinates)) continue;
    count += 1;
    if (incident.properties.created >= oldest) first.push(incident);
    if (first.length >= 2 * MAX_ROWS) cut();
  }
  cut();
  return { count, first };
}

/** @param {import("./alerts.js").Alert[]} alerts */
export const waitingFirst = (alerts) => {
  const waits = (alert) => alert.areas.some(isWaiting);
  return [...alerts.filter(waits), ...alerts.filter((alert) => !waits(alert))];
};

const incidentWords = ({ severity, closed, verified, created }) =>
  [severity, ...(closed ? ["closed"] : []), ...(verified === false ? ["unverified"] : []), sinceWords(created)].join(", ");

/** @param {import("./alerts.js").Alert} alert */
export function alertWords({ feature, areas }) {
  const who = whoHasIt({ areas });
  const state = who ? `${who.by} has it` : areas.some(isWaiting) ? "nobody has it yet" : "muted";
  return `${feature.properties.severity}, ${state}, in ${areas.map(({ name }) => name).join(", ")}`;
}

const rowContent = ({ name, severity }) =>
  [severityShape(severity), element("span", { class: "name" }, name), element("span", { class: "more" })];

function row(pk, { choose, point }) {
  const button = element("button", { type: "button", class: "row", tabindex: "-1" });
  button.addEventListener("click", ({ detail }) => choose(pk, { byKey: detail === 0 }));
  for (const event of ["pointerenter", "focus"]) button.addEventListener(event, () => point(pk));
  for (const event of ["pointerleave", "blur"]) button.addEventListener(event, () => point(null));
  return element("li", { "data-pk": String(pk) }, button);
}

/**
 * Makes the list's rows those of the entries, keeping rows that stay so that focus and scroll position do too.
 * @param {HTMLElement} list
 * @param {{key: string, feature: import("./messages.js").Feature, more: string, waits?: boolean}[]} entries a changed feature has another key
 * @param {{choose: (pk: number, how: {byKey: boolean}) => void, point: (pk: number | null) => void}} actions
 */
function arrange(list, entries, actions) {
  const present = new Map([...list.children].map((item) => [item.dataset.pk, item]));
  const items = entries.map(({ key, feature: { properties }, more, waits = false }) => {
    const item = present.get(String(properties.pk)) ?? row(properties.pk, actions);
    if (item.dataset.key !== key) item.firstElementChild.replaceChildren(...rowContent(properties));
    item.dataset.key = key;
    item.classList.toggle("waits", waits);
    const words = item.querySelector(".more");
    if (words.textContent !== more) words.textContent = more;
    return item;
  });
  const keep = new Set(items);
  for (const item of present.values()) if (!keep.has(item)) item.remove();
  items.forEach((item, index) => {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
  if (!list.contains(document.activeElement)) list.querySelectorAll(".row").forEach((each, index) => (each.tabIndex = index === 0 ? 0 : -1));
}

const MOVES = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };

/** One stop of the Tab key for the whole list; within it the arrow keys move. @param {HTMLElement} list */
function moveByArrows(list) {
  list.addEventListener("keydown", (event) => {
    const rows = [...list.querySelectorAll(".row")];
    const at = rows.indexOf(event.target);
    if (!(event.key in MOVES) || at < 0) return;
    rows[Math.min(rows.length - 1, Math.max(0, at + MOVES[event.key]))].focus();
    event.preventDefault();
  });
  list.addEventListener("focusin", ({ target }) => {
    for (const each of list.querySelectorAll('[tabindex="0"]')) each.tabIndex = -1;
    target.tabIndex = 0;
  });
}

/** Changes a scrolled list so that what the reader looks at stays where it is. @param {HTMLElement} scroller @param {() => void} change */
function keepingPlace(scroller, change) {
  const top = scroller.getBoundingClientRect().top;
  const rows = scroller.scrollTop > 0 ? [...scroller.querySelectorAll(".rows > li")] : [];
  const seen = rows.find((each) => each.getBoundingClientRect().bottom > top + each.offsetHeight);
  const before = seen?.getBoundingClientRect().top;
  change();
  if (seen?.isConnected) scroller.scrollTop += seen.getBoundingClientRect().top - before;
}

/**
 * @param {HTMLElement} panel
 * @param {import("./store.js").Store} store @param {import("./selection.js").Selection} selection
 * @param {{box: () => Box, choose: (pk: number, how: {byKey: boolean}) => void, point: (pk: number | null) => void}} view
 * @returns {{refresh: () => void}} to be called when the view has changed
 */
export function showPanel(panel, store, selection, { box, choose, point }) {
  const part = (id) => panel.querySelector(`#${id}`);
  const number = new Intl.NumberFormat("en");
  let timer;

  function showAlerts() {
    const alerts = [...store.alerts.byIncident.values()].reverse();
    part("panel-alerts").hidden = alerts.length === 0;
    part("alert-count").textContent = number.format(alerts.length);
    arrange(part("alert-rows"), waitingFirst(alerts).slice(0, MAX_ROWS).map((alert) => ({
      key: `${alert.seq} ${alert.feature.properties.updated}`,
      feature: alert.feature,
      more: alertWords(alert),
      waits: alert.areas.some(isWaiting),
    })), { choose, point });
  }

  function showIncidents() {
    const { count, first } = newestIn(selection.shown.values(), box());
    part("incident-count").textContent = number.format(count);
    part("incident-empty").hidden = count > 0;
    const filtered = strictness(selection.filter) > 0;
    part("incident-empty").textContent = filtered ? "Nothing in this part of the map passes the filter." : "No open incident in this part of the map.";
    part("incident-more").hidden = count <= MAX_ROWS;
    part("incident-more").textContent = `The newest ${MAX_ROWS}. Come closer to see the others.`;
    part("panel-summary").textContent = `${number.format(count)} ${count === 1 ? "incident" : "incidents"} in view`;
    arrange(part("incident-rows"), first.map((feature) => ({
      key: `${feature.properties.pk} ${feature.properties.updated}`,
      feature,
      more: incidentWords(feature.properties),
    })), { choose, point });
  }

  function refresh() {
    timer ??= setTimeout(() => {
      timer = undefined;
      keepingPlace(part("panel-body"), () => {
        showAlerts();
        showIncidents();
      });
    }, PAUSE_MS);
  }

  const toggle = part("panel-toggle");
  toggle.addEventListener("click", () => toggle.setAttribute("aria-expanded", String(toggle.getAttribute("aria-expanded") === "false")));
  panel.addEventListener("click", ({ target }) => target.closest(".row") && toggle.setAttribute("aria-expanded", "false"));
  for (const list of [part("alert-rows"), part("incident-rows")]) moveByArrows(list);
  store.subscribe(({ alerts }) => alerts && refresh());
  selection.subscribe(refresh);
  setInterval(refresh, TICK_MS);
  return { refresh };
}
