/** Draws and edits an area beside the live map, without leaving it. */

import { AreaEditor } from "./area-editor.js";
import { ApiError } from "../base/api.js";
import { whileBusy } from "../base/busy.js";
import { askWhich, isConflict, takenFrom } from "../base/conflict.js";
import { showProblems } from "../base/form-problems.js";
import { newKey } from "../base/idempotency-keys.js";
import { published } from "../base/published.js";
import { DEFAULT_SEVERITY, severityNamed } from "../base/severity.js";
import { mayDiscard, watchUnsaved } from "../base/unsaved.js";
import { t } from "../base/translate.js";

const TEXTS = published.plain_texts_of_areas;
const DELETED = t("Somebody has deleted this area meanwhile. Save again to keep yours as a new one.");

/**
 * @param {HTMLElement} panel the whole panel @param {import("../map/view.js").MapView} view
 * @param {{save: (feature: object, pk: number | null, key: string) => Promise<import("../live/messages.js").Feature>,
 *   done: (feature: import("../live/messages.js").Feature) => void, onBusy: (busy: boolean) => void}} actions
 * @returns {(feature: import("../live/messages.js").Feature | null) => Promise<void>} begins with an area, or a new one
 */
export function areaPanel(panel, view, { save, done, onBusy }) {
  /** @type {HTMLFormElement} */
  const form = panel.querySelector("#area-panel");
  const problem = form.querySelector("#area-problem");
  const question = form.querySelector("#area-conflict");
  let editor = null;
  let pk = null;
  let key = "";
  /**
   * The area as it was when this person last saw all of it; null for a new one.
   * @type {import("../live/messages.js").Feature | null}
   */
  let base = null;

  function finish() {
    editor.close();
    view.setOutline(null);
    form.hidden = true;
    panel.classList.remove("editing");
    onBusy(false);
    view.focus();
  }

  function fail(sentence) {
    problem.textContent = sentence;
    problem.hidden = !sentence;
  }

  const values = () => ({
    name: form.elements.name.value,
    severity: form.elements.severity.value,
    polygon: editor.polygon,
    ...Object.fromEntries(TEXTS.map((name) => [name, form.elements[name].value])),
  });
  const valuesOf = (feature) => ({
    name: feature?.properties.name ?? "",
    severity: severityNamed(feature?.properties.severity ?? DEFAULT_SEVERITY).code,
    polygon: feature?.geometry ?? null,
    ...Object.fromEntries(TEXTS.map((name) => [name, feature?.properties[name] ?? ""])),
  });
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  /** The fields that this person has changed, without those for which they chose the others' value. */
  function changed() {
    const [now, before, theirs] = [values(), valuesOf(base), takenFrom(question)];
    return new Set(Object.keys(now).filter((name) => !same(now[name], before[name]) && !theirs.has(name)));
  }

  const isUnsaved = () => !form.hidden && (changed().size > 0 || editor.problem !== "");

  function put(feature, fields) {
    const { polygon, ...typed } = valuesOf(feature);
    for (const [name, value] of Object.entries(typed)) if (fields.has(name)) form.elements[name].value = value;
    if (fields.has("polygon")) editor.openWith(polygon);
    base = feature;
    // in the form that the text has
    if (feature && fields.has("polygon")) base = { ...feature, geometry: editor.polygon ?? polygon };
  }

  /** Shows the changes of others. If this person has changed the same field, it asks which value stays. */
  function ask({ feature, conflicts }) {
    const mine = changed();
    put(feature, new Set(Object.keys(values()).filter((name) => !mine.has(name))));
    askWhich(question, conflicts);
    const outline = conflicts.find(({ field }) => field === "polygon");
    if (outline) view.setOutline(outline.theirs);
    const words = t("Others have changed the same fields while you were editing. Choose, and save again.");
    fail(outline ? [words, t("Their outline is on the map.")].join(" ") : words);
    problem.scrollIntoView({ block: "start" });
  }

  /** The area was deleted, so the form will save a new one. */
  function makeNew() {
    pk = base = null;
    askWhich(question, []);
    fail(DELETED);
  }

  async function submit() {
    const unnamed = showProblems(form, { name: form.elements.name.value.trim() ? "" : t("Required") });
    fail(editor.problem || (editor.polygon ? "" : t("Draw the area on the map, or type it.")));
    if (unnamed || !problem.hidden) return;
    const [fields, { polygon, ...rest }] = [changed(), values()];
    if (base && fields.size === 0) return finish();
    const properties = Object.fromEntries(Object.entries(rest).filter(([name]) => !base || fields.has(name)));
    const feature = {
      type: "Feature",
      ...((!base || fields.has("polygon")) && { geometry: polygon }),
      properties: { ...properties, ...(base && { version: base.properties.version }) },
    };
    try {
      const saved = await save(feature, pk, key);
      finish();
      done(saved);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (isConflict(error)) return ask(error.answer);
      if (error.status === 404 && pk !== null) return makeNew();
      if (error.answer?.location) {
        key = newKey();
        return fail(t("It was saved before, as you first drew it. Save again to make another."));
      }
      const { polygon: shape, ...others } = error.fields;
      if (!showProblems(form, { ...others, polygon_geojson: shape })) fail(error.message);
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    whileBusy(form, submit);
  });
  form.querySelector("#area-cancel").addEventListener("click", () => mayDiscard(isUnsaved()) && finish());
  watchUnsaved(isUnsaved);

  return async (feature) => {
    if (!mayDiscard(isUnsaved())) return;
    onBusy(true);
    view.closePopup();
    editor ??= await AreaEditor.create(form, view);
    pk = feature?.properties.pk ?? null;
    key = newKey();
    fail("");
    showProblems(form, {});
    askWhich(question, []);
    form.querySelector("h2").textContent = feature ? t("Edit area") : t("New area");
    form.hidden = false;
    panel.classList.add("editing");
    view.resize(); // on a phone the panel makes the map smaller
    put(feature, new Set(["name", "severity", "polygon"]));
    form.elements.name.focus();
  };
}
