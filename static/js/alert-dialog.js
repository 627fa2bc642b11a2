/** The dialog that interrupts: names each incident and the areas it is in. Several alerts at once are one dialog. */

import { element, link, severityBadge } from "./elements.js";

/** @param {import("./store.js").Alert} alert */
function entry({ feature, areas, reason }) {
  const { name, severity, url } = feature.properties;
  const line = element("div", { class: "line" }, link(url, name, { class: "incident" }), severityBadge(severity));
  if (reason === "escalated") line.append(element("span", { class: "state" }, "Escalated"));
  const list = areas.map((area) => {
    const item = element("div", { class: "line" }, link(area.url, area.name), element("span", { class: "hint" }, `alerts from ${area.severity}`));
    return element("li", {}, item);
  });
  return element("li", {}, line, element("ul", { class: "areas" }, ...list));
}

const MAX_ENTRIES = 20; // a dialog is read, not scrolled for minutes; the panel lists them all

const title = (count) => (count === 1 ? "Alert" : `${count} alerts`);

/**
 * @param {HTMLDialogElement} dialog with a heading and a list
 * @param {import("./store.js").Store} store
 */
export function showAlerts(dialog, store) {
  const heading = dialog.querySelector("h2");
  const list = dialog.querySelector("ul");
  /** @type {Set<number>} incidents whose alerts are in the dialog */
  const shown = new Set();

  function show() {
    const alerts = [...shown].map((pk) => store.alerts.get(pk)).filter(Boolean).reverse();
    if (alerts.length === 0) return dialog.close();
    heading.textContent = title(alerts.length);
    list.replaceChildren(...alerts.slice(0, MAX_ENTRIES).map(entry));
    if (alerts.length > MAX_ENTRIES) list.append(element("li", { class: "hint" }, `And ${alerts.length - MAX_ENTRIES} more, in the list beside the map.`));
    if (!dialog.open) dialog.showModal();
  }

  dialog.addEventListener("close", () => shown.clear());
  store.subscribe(({ raised, alerts }) => {
    for (const pk of raised) {
      shown.delete(pk); // so that it comes first
      shown.add(pk);
    }
    if (shown.size > 0 && (alerts || raised.size > 0)) show();
  });
}
