/** Reports an incident in a small form on the map, at a right click or a long press. */

import { whileBusy } from "../base/busy.js";
import { element, severityBadge } from "../base/elements.js";
import { parseDegrees, TypedError } from "../base/geojson.js";
import { showProblems } from "../base/form-problems.js";
import { newKey } from "../base/idempotency-keys.js";
import { published } from "../base/published.js";
import { DEFAULT_SEVERITY, SEVERITIES } from "../base/severity.js";
import { mayDiscard, watchUnsaved } from "../base/unsaved.js";
import { t } from "../base/translate.js";

const field = (label, control) => element("label", { class: "field" }, label, control);

function severityChoices() {
  const choices = SEVERITIES.map(({ name }) => {
    const radio = element("input", {
      type: "radio",
      name: "severity",
      value: name,
      ...(name === DEFAULT_SEVERITY && { checked: "" }),
    });
    return element("label", { class: "choice" }, radio, severityBadge(name));
  });
  return element(
    "fieldset",
    { class: "field" },
    element("legend", {}, t("Severity")),
    element("div", { class: "choices" }, ...choices),
  );
}

/** The values of an incident's plain texts. */
const plainTexts = (elements) => Object.fromEntries(published.plain_texts.map((name) => [name, elements[name].value]));

function makeForm() {
  const input = (name, more = {}) => element("input", { name, autocomplete: "off", ...more });
  const form = element(
    "form",
    { class: "quick", novalidate: "" },
    element("h2", {}, t("New incident")),
    field(t("What happened?"), input("name", { maxlength: String(published.limits.name), required: "" })),
    severityChoices(),
    ...published.plain_texts.map((name) => field(published.labels[name], input(name))),
    element(
      "div",
      { class: "pair" },
      field(t("Latitude"), input("latitude", { inputmode: "decimal" })),
      field(t("Longitude"), input("longitude", { inputmode: "decimal" })),
    ),
    element("p", { class: "field-error", role: "alert", hidden: "" }),
    element(
      "p",
      { class: "form-actions" },
      element("button", { class: "primary" }, t("Save")),
      element("button", { type: "button", class: "cancel" }, t("Cancel")),
    ),
  );
  return form;
}

const SAVED_BEFORE = t("It was saved before, as you first typed it. Save again to make another.");

/**
 * @typedef {{name: string, severity: string, texts: Record<string, string>, at: [number, number], key: string}} Draft
 *   key: of the incident, which may have been sent already
 */

/**
 * @param {import("../map/view.js").MapView} view
 * @param {{save: (feature: object, key: string) => Promise<import("../live/messages.js").Feature>, done: (feature:
 * import("../live/messages.js").Feature) => void, onClosed: (draft: Draft) => void}} actions onClosed: called with the
 * typed values when the form closes without Save or Cancel
 * @returns {(at: [number, number], draft?: Draft) => void} opens the form at a place
 */
export function incidentCreator(view, { save, done, onClosed }) {
  let isUnsaved = () => false;
  watchUnsaved(() => isUnsaved());
  return (at, draft = null) => {
    const form = makeForm();
    const { elements } = form;
    let key = draft?.key ?? newKey(); // of this incident, the same for each attempt
    const problem = form.querySelector(".field-error");
    const pin = view.pin(({ coordinates }) => moveTo(coordinates));
    const say = (sentence) => {
      problem.textContent = sentence;
      problem.hidden = !sentence;
    };

    let decided = false;
    const isTyped = () => !decided && elements.name.value.trim() !== "";

    function closed() {
      pin.move(null);
      isUnsaved = () => false;
      if (isTyped())
        onClosed({
          name: elements.name.value,
          severity: elements.severity.value,
          texts: plainTexts(elements),
          at: here,
          key,
        });
    }

    let here = at;
    function moveTo([longitude, latitude]) {
      here = [longitude, latitude];
      elements.longitude.value = longitude;
      elements.latitude.value = latitude;
      pin.move({ type: "Point", coordinates: [longitude, latitude] });
      view.movePopup([longitude, latitude]);
    }

    function typed() {
      try {
        return parseDegrees(elements.longitude.value, elements.latitude.value);
      } catch (error) {
        if (!(error instanceof TypedError)) throw error;
        say(error.message);
        return null;
      }
    }

    async function submit() {
      say("");
      const geometry = typed();
      if (!geometry) return;
      if (!elements.name.value.trim()) {
        return void showProblems(form, { name: t("Required") });
      }
      const properties = { name: elements.name.value, severity: elements.severity.value, ...plainTexts(elements) };
      try {
        const feature = await save({ type: "Feature", geometry, properties }, key);
        decided = true;
        view.closePopup();
        view.focus();
        done(feature);
      } catch (error) {
        if (error.answer?.location) key = newKey();
        if (showProblems(form, error.fields)) return;
        say(error.answer?.location ? SAVED_BEFORE : error.message);
        elements.name.focus();
      }
    }

    view.popup(at, form, closed, { sticky: true });
    isUnsaved = isTyped;
    moveTo(at);
    if (draft) {
      const typedBefore = { name: draft.name, severity: draft.severity, ...draft.texts };
      for (const [name, value] of Object.entries(typedBefore)) elements[name].value = value;
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      whileBusy(form, submit);
    });
    form.addEventListener("change", ({ target }) => {
      if (target !== elements.latitude && target !== elements.longitude) return;
      say("");
      const geometry = typed();
      if (geometry) moveTo(geometry.coordinates);
    });
    form.querySelector(".cancel").addEventListener("click", () => {
      if (!mayDiscard(isTyped())) return;
      decided = true;
      view.closePopup();
      view.focus();
    });
    elements.name.focus();
  };
}
