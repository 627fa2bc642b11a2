/** Shows the changes of others since this person began to edit: both values, name and time, and a choice. */

import { isolate } from "./bidi.js";
import { element, sinceWords } from "./elements.js";
import { published } from "./published.js";
import { t, tn } from "./translate.js";

/** @typedef {{field: string, yours: any, theirs: any, by: string | null, at: string | null}} Clash */

/**
 * Whether the server refused a change because others have changed the same fields.
 * @param {import("./api.js").ApiError} error
 */
export const isConflict = ({ status, answer }) =>
  (status === 409 || status === 412) && Array.isArray(answer?.conflicts);

/**
 * The name of the person who made a change, and how long ago that was.
 * @param {Clash} clash
 * @returns {{by: string, since: string}} since: "" if that is unknown
 */
export const madeBy = ({ by, at }) => ({ by: by ? isolate(by) : t("Somebody"), since: at ? sinceWords(at) : "" });

/** The field that was changed, by whom, and how long ago. @param {Clash} clash */
function changedWords(clash) {
  const values = { field: published.labels[clash.field] ?? clash.field, ...madeBy(clash) };
  if (values.since) return t("%(field)s: %(by)s changed this %(since)s.", values);
  return t("%(field)s: %(by)s changed this.", values);
}

/** A field's value in words. */
function words(field, value) {
  if (field === "closed") return value ? t("closed") : t("open");
  if (field === "location") return [...value.coordinates].reverse().join(", ");
  if (field !== "polygon") return value === "" ? t("(nothing)") : value;
  const [outline, ...holes] = value.coordinates;
  const corners = tn("%(n)s corner", "%(n)s corners", outline.length - 1);
  if (holes.length === 0) return corners;
  return [corners, tn("%(n)s hole", "%(n)s holes", holes.length)].join(", ");
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
    element("span", {}, `${label} `, element("bdi", {}, words(clash.field, clash[keep]))),
  );
}

/** Asks for each field which value stays. @param {HTMLElement} place @param {Clash[]} clashes */
export function askWhich(place, clashes) {
  const fields = clashes.map((clash) =>
    element(
      "fieldset",
      { class: "clash" },
      element("legend", {}, changedWords(clash)),
      choice(clash, "yours", t("Keep yours:")),
      choice(clash, "theirs", t("Take theirs:")),
    ),
  );
  place.replaceChildren(...fields);
  place.hidden = fields.length === 0;
}

/** The fields for which this person chose the others' value. @param {HTMLElement} place @returns {Set<string>} */
export const takenFrom = (place) =>
  new Set(Array.from(place.querySelectorAll("input[value=theirs]:checked"), ({ name }) => name.slice("keep_".length)));
