/** Shows the problems of a form's fields next to them, as the server's templates do. */

import { element } from "./elements.js";

function unmark(control) {
  control.removeAttribute("aria-invalid");
  document.getElementById(`${control.name}-error`)?.remove();
  const described = (control.getAttribute("aria-describedby") ?? "")
    .split(" ")
    .filter((id) => id && id !== `${control.name}-error`);
  if (described.length > 0) control.setAttribute("aria-describedby", described.join(" "));
  else control.removeAttribute("aria-describedby");
}

function mark(control, sentence) {
  const id = `${control.name}-error`;
  control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-describedby", `${id} ${control.getAttribute("aria-describedby") ?? ""}`.trim());
  control.after(element("p", { class: "field-error", id }, sentence));
}

/**
 * @param {HTMLFormElement} form its earlier problems are removed
 * @param {Record<string, string>} problems sentence by field; fields that the form lacks are passed over
 * @returns {HTMLElement | null} the first control that has one, in focus
 */
export function showProblems(form, problems) {
  const elements = /** @type {HTMLInputElement[]} */ ([...form.elements]);
  const controls = elements.filter(({ name, type }) => name && type !== "hidden" && type !== "radio");
  for (const control of controls) unmark(control);
  const wrong = controls.filter(({ name }) => problems[name]);
  for (const control of wrong) mark(control, problems[control.name]);
  for (const details of wrong.map((control) => control.closest("details"))) if (details) details.open = true;
  wrong[0]?.focus();
  return wrong[0] ?? null;
}
