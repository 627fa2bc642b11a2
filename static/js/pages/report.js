/**
 * The public report: locate, say what happened, and send. A report without a network stays on the device and is sent
 * later, once.
 */

import { language, t } from "../base/translate.js";
import { showProblems } from "../base/form-problems.js";
import { published } from "../base/published.js";
import { parseDegrees } from "../base/geojson.js";
import { newKey } from "../base/idempotency-keys.js";
import { keepSending, showOutbox } from "../report/outbox-list.js";
import { keepPage } from "../report/offline-page.js";
import { Outbox } from "../report/outbox.js";
import { placePart } from "../report/place.js";
import { sendReport } from "../report/send.js";
import { watchUnsaved } from "../base/unsaved.js";

const { name: MAX_NAME, description: MAX_DESCRIPTION } = published.limits;
const NO_STORAGE = {
  setItem() {
    throw new Error("nothing can be kept");
  },
  getItem: () => null,
  removeItem() {},
};

const KEPT = t("No network. The report is kept on this device and sent when the network is back.");

const form = /** @type {HTMLFormElement} */ (document.getElementById("report"));
const part = (name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
const state = document.getElementById("send-state");
const { path, success } = form.dataset;

function storage() {
  try {
    return localStorage;
  } catch {
    return NO_STORAGE; // where the person has forbidden storage, even the access throws
  }
}

/**
 * The errors that the server would find, so that the device keeps no report that can never be sent.
 * @param {import("../report/outbox.js").Fields} fields
 * @returns {Record<string, string>} sentences by field
 */
function problems({ name, description, location_lat: latitude, location_lon: longitude }) {
  /** @type {Record<string, string>} */
  const found = {};
  if (!name.trim()) found.name = t("Required");
  if ([...name.trim()].length > MAX_NAME) found.name = t("At most %(most)s characters.", { most: MAX_NAME });
  if ([...description.trim()].length > MAX_DESCRIPTION)
    found.description = t("At most %(most)s characters.", { most: MAX_DESCRIPTION.toLocaleString(language) });
  if (!latitude.trim() && !longitude.trim())
    return { ...found, where: t("Say where: use your location, tap the map or search a place.") };
  try {
    parseDegrees(longitude, latitude);
  } catch (error) {
    found.location_lat = error.message;
  }
  return found;
}

function tell(found, sentence) {
  showProblems(form, found);
  state.textContent = sentence;
  if (!found.where) return;
  document.getElementById("locate-state").textContent = found.where; // it describes the button
  document.getElementById("locate").focus();
}

const queue = new Outbox(storage(), (fields) => sendReport(path, fields));
queue.subscribe(() => {
  if (state.textContent === KEPT && queue.waiting.length === 0) state.textContent = "";
});
/**
 * @type {import("../report/outbox.js").Entry | null} a refused report that is in the form again; its time is that of
 *   the first writing
 */
let corrected = null;
const placing = placePart(part("location_accuracy"));

async function clear() {
  for (const name of [
    "name",
    "description",
    ...published.plain_texts,
    "location_lat",
    "location_lon",
    "location_accuracy",
  ])
    part(name).value = "";
  showProblems(form, {});
  corrected = null;
  (await placing).clear();
}

function correct(entry) {
  const { fields, problems: found, error } = entry;
  corrected = entry;
  for (const [name, value] of Object.entries(fields)) {
    const control = part(name);
    if (control && !["key", "csrf_token"].includes(name)) control.value = value;
  }
  part("location_lat").dispatchEvent(new Event("input", { bubbles: true })); // this moves the map
  tell(found ?? {}, error ?? "");
}

async function submit() {
  const { csrf_token: _, ...typed } = Object.fromEntries(new FormData(form));
  /** @type {import("../report/outbox.js").Fields} */
  const fields = { ...typed, key: newKey() };
  const found = problems(fields);
  if (Object.keys(found).length > 0) return tell(found, t("Please correct the fields below."));
  state.textContent = t("Sending…");
  queue.add(fields, corrected ? queue.age(corrected) : 0);
  await queue.flush();
  let entry = queue.get(fields.key);
  // it was not tried, because an earlier round was just ending
  if (entry?.state === "waiting" && !entry.error) await queue.flush();
  entry = queue.get(fields.key);
  if (entry?.state === "sent") {
    queue.remove(fields.key);
    sent = true;
    return location.assign(entry.number ? `${success}?number=${entry.number}` : success);
  }
  if (entry?.state === "refused") {
    queue.remove(fields.key);
    return tell(entry.problems ?? {}, entry.error);
  }
  sending.later();
  await clear();
  state.textContent = KEPT;
  document.getElementById("outbox").scrollIntoView({ block: "nearest" });
}

let busy = false;
let sent = false;
watchUnsaved(() => !sent && (part("description").value.trim() !== "" || part("name").value.trim() !== ""));
addEventListener("pageshow", () => (sent = false));
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (busy) return;
  busy = true;
  form.setAttribute("aria-busy", "true");
  try {
    await submit();
  } finally {
    busy = false;
    form.removeAttribute("aria-busy");
  }
});
showOutbox(document.getElementById("outbox"), queue, correct);
const sending = keepSending(queue);
placing.then(keepPage);
