/** The keyboard shortcuts of a page with a list. */

import { shortcuts } from "../screen/shortcuts.js";

const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("shortcuts"));

/** Presses the row's own button. @param {number} pk */
function close(pk) {
  /** @type {HTMLElement | null} */ (
    document.querySelector(`tr[data-pk="${pk}"] form[action*="/close/"] button`)
  )?.click();
}

shortcuts(dialog, document.getElementById("main"), { isBusy: () => false, acknowledge: null, close });
