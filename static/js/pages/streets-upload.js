/** Uploads an archive of streets in pieces, from the admins' page. A refused piece ends it, with the reason. */

import { mine } from "../base/session.js";
import { language, t } from "../base/translate.js";

const PIECE = 512 << 10; // bytes, half of what the server takes at once: some proxies allow no more than a megabyte
const part = (id) => document.getElementById(id);

const percent = new Intl.NumberFormat(language, { style: "percent" });
const form = /** @type {HTMLFormElement} */ (part("streets-upload"));
const say = (sentence) => (part("streets-state").textContent = sentence);

/** @returns {Promise<string>} "" or why the server refuses the piece */
async function send(file, offset) {
  const query = new URLSearchParams({ name: file.name, size: String(file.size), offset: String(offset) });
  const answer = await fetch(`${form.dataset.address}?${query}`, {
    method: "POST",
    headers: {
      Accept: "application/json",
      "Content-Type": "application/octet-stream",
      "X-CSRFToken": mine().token,
    },
    body: file.slice(offset, offset + PIECE),
  });
  if (answer.ok) return "";
  const { error } = await answer.json().catch(() => ({ error: "" }));
  return error || t("The server answered %(status)s.", { status: answer.status });
}

/** @param {File} file @returns {Promise<string>} "" or the problem */
async function upload(file) {
  const bar = /** @type {HTMLProgressElement} */ (part("streets-progress"));
  bar.hidden = false;
  for (let offset = 0; offset < file.size; offset += PIECE) {
    bar.value = offset / file.size;
    bar.textContent = percent.format(bar.value);
    const problem = await send(file, offset);
    if (problem) return problem;
  }
  return "";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [file] = /** @type {HTMLInputElement} */ (part("streets-file")).files;
  if (!file) return say(t("Choose a file first."));
  const button = form.querySelector("button");
  button.disabled = true;
  say(t("Uploading…"));
  try {
    const problem = file.size === 0 ? t("The file is empty.") : await upload(file);
    if (!problem) return location.reload();
    say(problem);
  } catch {
    say(t("The upload broke off. Try again."));
  } finally {
    button.disabled = false;
    part("streets-progress").hidden = true;
  }
});
