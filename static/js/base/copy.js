/** Buttons that copy the text beside them, such as a link or a token. */

import { t } from "./translate.js";

const SAID_MS = 4_000; // how long "Copied" stays

/** Selects the text of an element, so that the person can copy it by the keyboard or a long press. */
function select(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = getSelection();
  selection?.removeAllRanges();
  selection?.addRange(range);
}

/**
 * Copies a text. Over plain http browsers have no Clipboard API; there the selected text is copied.
 * @param {string} text
 * @param {{clipboard?: Pick<Clipboard, "writeText">, copySelected: () => boolean}} ways
 * @returns {Promise<boolean>} whether it was copied
 */
export async function copyText(text, { clipboard, copySelected }) {
  try {
    if (clipboard) {
      await clipboard.writeText(text);
      return true;
    }
  } catch {
    // the person or a policy forbids it
  }
  try {
    return copySelected();
  } catch {
    return false;
  }
}

/** The text of an element, with one line for each of its lines. @param {string} text */
export const linesOf = (text) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean)
    .join("\n");

/** Lets the buttons with `data-copy` copy the code, or the list of codes, beside them. */
export function watchCopies() {
  document.addEventListener("click", async ({ target }) => {
    const button = target instanceof Element ? target.closest("[data-copy]") : null;
    const place = button?.closest(".copyable");
    const code = place?.querySelector("code, .secret");
    if (!code) return;
    select(code);
    const copied = await copyText(linesOf(code.textContent), {
      clipboard: navigator.clipboard,
      copySelected: () => document.execCommand("copy"),
    });
    const state = place.querySelector("[role=status]");
    state.textContent = copied ? t("Copied") : t("Selected: copy it with the keyboard, or hold it.");
    if (copied) setTimeout(() => (state.textContent = ""), SAID_MS);
  });
}
