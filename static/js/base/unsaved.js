/** Work that has not been saved: whoever has some says so here, and leaving the page with it asks first. */

const QUESTION = "Discard what has not been saved?";

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
 * Watches a form that is sent by the browser. What scripts write into it before anybody has touched the page is not the
 * person's work. A form with `data-keep="unsaved"` comes back from the server: it is not saved, whatever is done to it.
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
