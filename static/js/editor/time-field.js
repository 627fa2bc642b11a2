/**
 * Adds a field for local time to a form, which without scripts has the moment as ISO 8601. An unchanged moment stays
 * exact, to the microsecond.
 */

import { element } from "../base/elements.js";
import { fromLocal, offsetWords, toLocal } from "../base/local-time.js";
import { t } from "../base/translate.js";

const OFFSET = /(Z|[+-]\d\d:?\d\d)$/i; // without an offset a moment would be ambiguous
const INCOMPLETE = t("Complete the time, or clear all of it.");

/** @param {HTMLInputElement} input has ISO 8601, also afterwards @returns {{isValid: () => boolean}} */
export function timeField(input) {
  const shown = OFFSET.test(input.value) ? toLocal(input.value) : "";
  if (input.value && !shown) return { isValid: () => true }; // an error in the ISO text is corrected as text
  const described = input.getAttribute("aria-describedby") ?? "";
  const local = element("input", { type: "datetime-local", id: `${input.id}-local`, "aria-describedby": described });
  const hint = document.getElementById(`${input.id}-hint`);
  if (input.hasAttribute("aria-invalid")) local.setAttribute("aria-invalid", "true");
  local.value = shown;
  const say = () => {
    const offset = offsetWords(local.value ? new Date(local.value) : new Date());
    hint.textContent = t("Your local time, %(offset)s. Empty: when it was reported.", { offset });
  };
  local.addEventListener("input", () => {
    input.value = fromLocal(local.value);
    local.setCustomValidity("");
    say();
  });
  document.querySelector(`label[for="${input.id}"]`).htmlFor = local.id;
  const focused = document.activeElement === input;
  input.removeAttribute("aria-invalid");
  input.type = "hidden";
  input.before(local);
  if (focused) local.focus();
  say();
  return {
    isValid() {
      if (!local.validity.badInput) return true;
      local.setCustomValidity(INCOMPLETE);
      local.reportValidity();
      return false;
    },
  };
}
