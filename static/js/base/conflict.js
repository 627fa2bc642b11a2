/** Shows the changes of others since this person began to edit: both values, name and time, and a choice. */

import { isolate } from "./bidi.js";
import { element, sinceWords } from "./elements.js";
import { published } from "./published.js";

/** @typedef {{field: string, yours: any, theirs: any, by: string | null, at: string | null}} Clash */

/**
 * Whether the server refused a change because others have changed the same fields.
 * @param {import("./api.js").ApiError} error
 */
export const isConflict = ({ status, answer }) =>
  (status === 409 || status === 412) && Array.isArray(answer?.conflicts);

/**
 * The name of the person who changed it, and how long ago: "Ada …, 2 min. ago".
 * @param {Clash} clash
 * @param {string} what
 */
export const changedWords = ({ by, at }, what) =>
  `${by ? isolate(by) : "Somebody"} ${what}${at ? ` ${sinceWords(at)}` : ""}`;

/** A field's value in words. */
function words(field, value) {
  if (field === "closed") return value ? "closed" : "open";
  if (field === "location") return [...value.coordinates].reverse().join(", ");
  if (field !== "polygon") return value === "" ? "(nothing)" : value;
  const [outline, ...holes] = value.coordinates;
  const outside = `${outline.length - 1} corners`;
  return holes.length > 0 ? `${outside}, ${holes.length} ${holes.length === 1 ? "hole" : "holes"}` : outside;
}

function choice(clash, keep, label) {
  const radio = element("input", {
    type: "radio",
    name: `keep_${clash.field}`,
    value: keep,
    ...(keep === "yours" && { checked: "" }),
  });
  return element(
    "label",
    { class: "check" },
    radio,
    element("span", {}, `${label}: `, element("bdi", {}, words(clash.field, clash[keep]))),
  );
}

/** Asks for each field which value stays. @param {HTMLElement} place @param {Clash[]} clashes */
export function askWhich(place, clashes) {
  const fields = clashes.map((clash) =>
    element(
      "fieldset",
      { class: "clash" },
      element("legend", {}, `${published.labels[clash.field] ?? clash.field}: ${changedWords(clash, "changed this")}.`),
      choice(clash, "yours", "Keep yours"),
      choice(clash, "theirs", "Take theirs"),
    ),
  );
  place.replaceChildren(...fields);
  place.hidden = fields.length === 0;
}

/** The fields for which this person chose the others' value. @param {HTMLElement} place @returns {Set<string>} */
export const takenFrom = (place) =>
  new Set(Array.from(place.querySelectorAll("input[value=theirs]:checked"), ({ name }) => name.slice("keep_".length)));
