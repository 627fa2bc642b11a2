/** Changes on the map itself: reporting and moving incidents, drawing and editing areas. */

import { areaPanel } from "../editor/area-panel.js";
import { isolate } from "../base/bidi.js";
import { isConflict, madeBy } from "../base/conflict.js";
import { incidentCreator } from "../editor/incident-create.js";
import { t } from "../base/translate.js";

/** Says who moved an incident meanwhile. @param {import("../base/conflict.js").Clash} clash @param {string} name */
function movedElsewhere(clash, name) {
  const values = { name: isolate(name), ...madeBy(clash) };
  if (values.since) return t("%(by)s moved %(name)s somewhere else %(since)s. It stays there.", values);
  return t("%(by)s moved %(name)s somewhere else. It stays there.", values);
}

const part = (id) => document.getElementById(id);

/**
 * @param {import("../map/view.js").MapView} view
 * @param {{save: (kind: "incidents" | "areas", feature: object, pk?: number | null, key?: string) =>
 *   Promise<import("../live/messages.js").Feature>}} calls of the API
 * @param {{notices: ReturnType<typeof import("./notices.js").createNotices>, announce: (sentence: string) => void,
 *   show: (picked: import("../map/view.js").Picked) => void}} page
 */
export function mapEditing(view, { save }, { notices, announce, show }) {
  let busy = false;
  const said = (sentence) => {
    announce(sentence);
    return sentence;
  };
  const create = incidentCreator(view, {
    save: (feature, key) => save("incidents", feature, null, key),
    done: (feature) => announce(t("Saved: %(name)s", { name: isolate(feature.properties.name) })),
    onClosed(draft) {
      const resume = Object.assign(document.createElement("button"), { type: "button", textContent: t("Go on") });
      resume.addEventListener("click", () => create(draft.at, draft));
      notices.say(t("Not saved: %(name)s", { name: isolate(draft.name) }), { actions: [resume], stay: true });
    },
  });
  const editArea = areaPanel(part("panel"), view, {
    save: (feature, pk, key) => save("areas", feature, pk, key),
    done: (feature) => notices.say(said(t("Saved: %(name)s", { name: isolate(feature.properties.name) }))),
    onBusy: (now) => (busy = now),
  });
  const button = (words, act) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: words });
    made.addEventListener("click", act);
    return made;
  };
  /**
   * @param {import("../live/messages.js").Feature} incident
   * @param {import("../base/geojson.js").Position} coordinates
   */
  async function move(incident, coordinates, { back = false } = {}) {
    const { pk, name, version } = incident.properties;
    const before = incident.geometry;
    try {
      const feature = await save(
        "incidents",
        { type: "Feature", geometry: { type: "Point", coordinates }, properties: { version } },
        pk,
      );
      const undo = button(t("Undo"), () => move(feature, before.coordinates, { back: true }));
      const words = back
        ? t("Moved back: %(name)s", { name: isolate(name) })
        : t("Moved: %(name)s", { name: isolate(name) });
      notices.say(words, { actions: back ? [] : [undo] });
    } catch (error) {
      const { feature, conflicts } = isConflict(error) ? error.answer : {};
      if (feature) {
        const anyway = button(back ? t("Move it back") : t("Move it to my place"), () =>
          move(feature, coordinates, { back }),
        );
        notices.say(movedElsewhere(conflicts[0], name), {
          actions: [anyway],
          stay: true,
        });
      } else notices.say(error.message);
      show({ source: "incidents", keys: [pk], at: (feature?.geometry ?? before).coordinates });
    }
  }
  view.onMenu(({ coordinates }) => busy || create(coordinates));
  const actions = {
    "new-incident": () => create(view.centre),
    "add-incident": () => create(view.centre),
    "new-area": () => editArea(null),
  };
  for (const [id, act] of Object.entries(actions)) {
    part(id).addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // opens a tab of its own
      event.preventDefault();
      part("panel-toggle").setAttribute("aria-expanded", "false"); // on a phone the panel covers the map
      act();
    });
  }
  return { move, editArea, isBusy: () => busy };
}
