/** The account page: copies the link of a wall screen. */

import { t } from "../base/translate.js";

const button = document.getElementById("wall-copy");

/** Selects the link, so that the person can copy it by keyboard. */
function choose() {
  getSelection().selectAllChildren(document.getElementById("wall-link"));
}

button?.addEventListener("click", async () => {
  const said = document.getElementById("wall-copied");
  try {
    await navigator.clipboard.writeText(document.getElementById("wall-link").textContent);
    said.textContent = t("Copied");
  } catch {
    choose(); // browsers copy by script over https only
    said.textContent = t("Selected: copy it with Ctrl+C");
  }
});
