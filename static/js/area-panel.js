/** Draws and edits an area beside the live map, without leaving it. */

import { AreaEditor } from "./area-editor.js";
import { ApiError } from "./api.js";
import { severityNamed } from "./severity.js";
import { mayDiscard, watchUnsaved } from "./unsaved.js";

const DELETED = "Somebody has deleted this area meanwhile. Save again to keep yours as a new one.";

/**
 * @param {HTMLElement} panel the whole panel @param {import("./map-view.js").MapView} view
 * @param {{save: (feature: object, pk: number | null) => Promise<import("./messages.js").Feature>, done: (feature: import("./messages.js").Feature) => void, onBusy: (busy: boolean) => void}} actions
 * @returns {(feature: import("./messages.js").Feature | null) => Promise<void>} begins with an area, or a new one
 */
export function areaPanel(panel, view, { save, done, onBusy }) {
  /** @type {HTMLFormElement} */
  const form = panel.querySelector("#area-panel");
  const problem = form.querySelector("#area-problem");
  let editor = null;
  let pk = null;
  let before = "";

  const facts = () => JSON.stringify([form.elements.name.value, form.elements.severity.value]);
  const isUnsaved = () => !form.hidden && (facts() !== before || editor.isChanged);

  function finish() {
    editor.close();
    form.hidden = true;
    panel.classList.remove("editing");
    onBusy(false);
    view.focus();
  }

  function fail(sentence) {
    problem.textContent = sentence;
    problem.hidden = !sentence;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    fail(form.elements.name.value.trim() ? editor.problem || (editor.polygon ? "" : "Draw the area on the map, or type it.") : "Give the area a name.");
    if (!problem.hidden) return;
    const properties = { name: form.elements.name.value, severity: form.elements.severity.value };
    try {
      const feature = await save({ type: "Feature", geometry: editor.polygon, properties }, pk);
      finish();
      done(feature);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404 && pk !== null) {
        pk = null;
        return fail(DELETED);
      }
      fail(Object.entries(error.fields ?? {}).map(([name, why]) => `${name}: ${why}`).join("; ") || error.message);
    }
  });
  form.querySelector("#area-cancel").addEventListener("click", () => mayDiscard(isUnsaved()) && finish());
  watchUnsaved(isUnsaved);

  return async (feature) => {
    if (!mayDiscard(isUnsaved())) return;
    onBusy(true);
    view.closePopup();
    editor ??= await AreaEditor.create(form, view);
    pk = feature?.properties.pk ?? null;
    fail("");
    form.querySelector("h2").textContent = feature ? "Edit area" : "New area";
    form.elements.name.value = feature?.properties.name ?? "";
    form.elements.severity.value = severityNamed(feature?.properties.severity ?? "Medium").code;
    before = facts();
    form.hidden = false;
    panel.classList.add("editing");
    panel.querySelector("#panel-toggle").setAttribute("aria-expanded", "true");
    view.resize(); // on a phone the panel takes its room from the map
    editor.openWith(feature?.geometry ?? null);
    form.elements.name.focus();
  };
}
