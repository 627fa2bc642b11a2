/**
 * The problems of a form's fields, beside them: those that the server's templates show, and those that scripts find.
 * A problem goes when its field changes. The first field with one gets the focus.
 */

import { element } from "./elements.js";

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement | HTMLFieldSetElement} Field */

const INVALID = '[aria-invalid="true"]';
let made = 0; // error elements, whose ids must differ on the whole page

// One with the role status belongs to a script, which fills it and empties it
const isError = (id) => Boolean(document.getElementById(id)?.matches(".field-error:not([role=status])"));
const idsOf = (field) => (field.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean);

/**
 * Marks a control as wrong, with an element that says why, or as right.
 * @param {Element} control @param {Element} problem has the role status @param {boolean} isWrong
 */
export function markProblem(control, problem, isWrong) {
  const others = idsOf(control).filter((id) => id !== problem.id);
  describe(control, isWrong ? [problem.id, ...others] : others);
  if (isWrong) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}

function describe(field, ids) {
  if (ids.length > 0) field.setAttribute("aria-describedby", ids.join(" "));
  else field.removeAttribute("aria-describedby");
}

/** The element that is marked for a control: its group for a radio button. @returns {Field} */
const fieldOf = (control) => (control.type === "radio" && control.closest("fieldset")) || control;

/** Removes the problem of a field, if it has one. @param {Element} control */
export function clearProblem(control) {
  const field = fieldOf(control);
  field.removeAttribute("aria-invalid");
  const ids = idsOf(field);
  for (const id of ids.filter(isError)) document.getElementById(id).remove();
  describe(
    field,
    ids.filter((id) => document.getElementById(id) !== null),
  );
  const form = field.closest("form");
  if (form && !form.querySelector(INVALID)) summaryOf(form)?.remove();
}

/** The server's sentence about the whole form. It stands before the form. */
const summaryOf = (form) =>
  form.previousElementSibling?.matches(".notice.error.problems") ? form.previousElementSibling : null;

function mark(field, sentence) {
  made += 1;
  const id = `problem-${made}`;
  field.setAttribute("aria-invalid", "true");
  describe(field, [id, ...idsOf(field)]);
  const error = element("p", { class: "field-error", id }, sentence);
  if (field.matches("fieldset")) field.append(error);
  else (field.closest("label") ?? field).after(error); // in the label it would become a part of the field's name
}

/** Puts the focus on a field, and brings all of it into view. @param {Element} field */
function show(field) {
  const details = field.closest("details");
  if (details) details.open = true;
  const control = /** @type {HTMLElement} */ (
    field.matches("fieldset") ? (field.querySelector("input:checked") ?? field.querySelector("input")) : field
  );
  if (!control) return;
  control.focus({ preventScroll: true });
  (field.closest(".field") ?? field).scrollIntoView({ block: "nearest" });
}

/**
 * @param {HTMLFormElement} form its earlier problems are removed
 * @param {Record<string, string>} problems sentence by field; fields that the form lacks are passed over
 * @returns {HTMLElement | null} the first field that has one; it gets the focus
 */
export function showProblems(form, problems) {
  const controls = /** @type {HTMLInputElement[]} */ ([...form.elements]).filter(
    ({ name, type }) => name && type !== "hidden",
  );
  for (const field of form.querySelectorAll(INVALID)) clearProblem(field);
  const fields = new Map();
  for (const control of controls) {
    if (problems[control.name] && !fields.has(fieldOf(control))) fields.set(fieldOf(control), problems[control.name]);
  }
  for (const [field, sentence] of fields) mark(field, sentence);
  const [first = null] = fields.keys();
  if (first) show(first);
  return first;
}

/** Watches the forms of a page that came with problems or conflicts from the server, and shows the first. */
export function watchProblems() {
  for (const type of ["input", "change"]) {
    document.addEventListener(type, ({ target }) => {
      const field = target instanceof HTMLElement ? fieldOf(target) : null;
      if (field?.matches(INVALID) && idsOf(field).some(isError)) clearProblem(field);
    });
  }
  const [problem, clash] = [INVALID, ".clash"].map((each) => document.querySelector(`form[method="post"] ${each}`));
  const first = problem ?? clash;
  if (first) show(first);
}
