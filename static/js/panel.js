/** The panel beside the map: open alerts first, then the incidents in view, newest first. It knows the view only as a box. */

import { element, severityBadge, sinceWords } from "./elements.js";

const MAX_ROWS = 100; // more than anyone reads, few enough to be drawn at once
const PAUSE_MS = 300; // between two rebuildings of the list during a burst

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
  for (const incident of incidents) {
    if (!contains(box, incident.geometry.coordinates)) continue;
    count += 1;
    if (incident.properties.created >= oldest) first.push(incident);
    if (first.length >= 2 * MAX_ROWS) cut();
  }
  cut();
  return { count, first };
}

function row(feature, more, choose) {
  const { name, severity } = feature.properties;
  const button = element("button", { type: "button", class: "row" }, severityBadge(severity),
    element("span", { class: "name" }, name), element("span", { class: "more" }, more));
  button.addEventListener("click", () => choose(feature.properties.pk));
  return element("li", {}, button);
}

/**
 * Makes the list's items those of the entries, keeping items that stay so that focus and scroll position do too.
 * @param {HTMLElement} list @param {{key: string, make: () => HTMLElement}[]} entries a changed entry has another key
 */
function arrange(list, entries) {
  const present = new Map([...list.children].map((item) => [item.dataset.key, item]));
  const items = entries.map(({ key, make }) => {
    const item = present.get(key) ?? make();
    item.dataset.key = key;
    return item;
  });
  const keep = new Set(items);
  for (const item of present.values()) if (!keep.has(item)) item.remove();
  items.forEach((item, index) => {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
}

/**
 * @param {HTMLElement} panel
 * @param {import("./store.js").Store} store
 * @param {{box: () => Box, choose: (pk: number) => void}} view
 * @returns {{refresh: () => void}} to be called when the view has changed
 */
export function showPanel(panel, store, { box, choose }) {
  const part = (id) => panel.querySelector(`#${id}`);
  const number = new Intl.NumberFormat("en");
  let timer;

  function showAlerts() {
    const alerts = [...store.alerts.values()].reverse();
    part("panel-alerts").hidden = alerts.length === 0;
    part("alert-count").textContent = number.format(alerts.length);
    arrange(part("alert-rows"), alerts.slice(0, MAX_ROWS).map(({ seq, feature, areas }) => ({
      key: `${seq} ${feature.properties.updated}`,
      make: () => row(feature, areas.map((area) => area.name).join(", "), choose),
    })));
  }

  function showIncidents() {
    const { count, first } = newestIn(store.incidents.values(), box());
    part("incident-count").textContent = number.format(count);
    part("incident-empty").hidden = count > 0;
    part("incident-more").hidden = count <= MAX_ROWS;
    part("incident-more").textContent = `The newest ${MAX_ROWS}. Come closer to see the others.`;
    part("panel-summary").textContent = `${number.format(count)} ${count === 1 ? "incident" : "incidents"} in view`;
    arrange(part("incident-rows"), first.map((feature) => ({
      key: `${feature.properties.pk} ${feature.properties.updated}`,
      make: () => row(feature, sinceWords(feature.properties.created), choose),
    })));
  }

  function refresh() {
    timer ??= setTimeout(() => {
      timer = undefined;
      showAlerts();
      showIncidents();
    }, PAUSE_MS);
  }

  const toggle = part("panel-toggle");
  toggle.addEventListener("click", () => toggle.setAttribute("aria-expanded", String(toggle.getAttribute("aria-expanded") === "false")));
  store.subscribe(refresh);
  return { refresh };
}
