/** Keeps unsaved work: its owners register a function here, and leaving the page asks first. */

import { t } from "./translate.js";

const QUESTION = t("Discard what has not been saved?");

/** @type {Set<() => boolean>} */
const works = new Set();

export const hasUnsaved = () => [...works].some((isUnsaved) => isUnsaved());

/** Asks, if there is something to lose. @param {boolean} unsaved @returns {boolean} whether it may be lost */
export const mayDiscard = (unsaved) => !unsaved || confirm(QUESTION);

/** @param {() => boolean} isUnsaved */
export function watchUnsaved(isUnsaved) {
  if (works.size === 0) addEventListener("beforeunload", (event) => hasUnsaved() && event.preventDefault());
  works.add(isUnsaved);
}

/**
 * Watches a form that the browser sends. Text that scripts write before the person has touched the page does not count
 * as work. A form with `data-keep="unsaved"` came back from the server unsaved, so it counts at once.
 * @param {HTMLFormElement} form
 */
export function watchForm(form) {
  let before = null;
  const now = () => JSON.stringify([...new FormData(form)].filter(([name]) => name !== "csrf_token"));
  for (const type of ["pointerdown", "keydown", "focusin"])
    addEventListener(type, () => (before ??= now()), { capture: true });
  const isSent = () => form.getAttribute("aria-busy") === "true"; // see sent-once.js
  watchUnsaved(() => !isSent() && (form.dataset.keep === "unsaved" || (before !== null && now() !== before)));
}
