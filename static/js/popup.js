/** What a popup on the map says of incidents and areas: nodes, never HTML. */

import { element, link, severityBadge, sinceWords } from "./elements.js";

function one({ name, severity, url, model, created }) {
  const hint = (words) => element("span", { class: "hint" }, words);
  const badge = severityBadge(severity);
  const line = element("div", { class: "line" }, ...(model === "Incident" ? [badge, hint(sinceWords(created))] : [hint("Area, alerts from"), badge]));
  return element("div", {}, link(url, name, { class: "incident" }), line);
}

/** @param {import("./messages.js").Feature[]} features */
export function popupContent(features) {
  return element("div", { class: "popup" }, ...features.map((feature) => one(feature.properties)));
}
