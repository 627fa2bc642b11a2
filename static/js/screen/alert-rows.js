/** Adds to each row of the panel's alerts the buttons that acknowledge it, and that open what else can be done. */

import { isUnacknowledged } from "../live/alert-order.js";
import { isolate } from "../base/bidi.js";
import { element } from "../base/elements.js";
import { t } from "../base/translate.js";

/** A small button with a sign. @param {string} sign @param {string} words @param {string} name of the incident */
const signButton = (sign, words, name) =>
  element(
    "button",
    { type: "button", class: "quiet sign", tabindex: "-1", title: words, "aria-label": `${words}: ${isolate(name)}` },
    sign,
  );

/**
 * @param {HTMLElement} list of rows, as rows.js makes them
 * @param {import("../live/store.js").Store} store
 * @param {object} actions
 * @param {((alerts: import("../live/alerts.js").AreaAlert[]) => void) | null} actions.acknowledge null: this person has
 *   no right to it
 * @param {(pk: number) => void} actions.more
 * @param {(alert: import("../live/alerts.js").AreaAlert) => boolean} actions.hasSeen only what was seen is acknowledged
 */
export function addRowActions(list, store, { acknowledge, more, hasSeen }) {
  const alertOf = (item) => store.alerts.byIncident.get(Number(item.dataset.pk));

  function make(item, alert) {
    const { name } = alert.feature.properties;
    const take = signButton("✓", t("Acknowledge"), name);
    take.addEventListener("click", () => {
      const areas = alertOf(item)?.areas.filter((area) => !area.acknowledged && hasSeen(area)) ?? [];
      if (areas.length > 0) acknowledge(areas);
    });
    const others = signButton("⋯", t("More"), name);
    others.addEventListener("click", () => more(Number(item.dataset.pk)));
    const actions = element("div", { class: "row-actions", "data-name": name }, take, others);
    item.querySelector(".row-actions")?.remove();
    item.append(actions);
    return actions;
  }

  function update() {
    for (const item of /** @type {HTMLElement[]} */ ([...list.children])) {
      const alert = alertOf(item);
      if (!alert) continue;
      /** @type {HTMLElement | null} */
      const known = item.querySelector(".row-actions");
      const actions = known?.dataset.name === alert.feature.properties.name ? known : make(item, alert);
      const take = /** @type {HTMLElement} */ (actions.firstElementChild);
      take.hidden = !acknowledge || !alert.areas.some(isUnacknowledged);
    }
  }

  // The list is one stop of the Tab key, and the buttons of its present row come after it.
  list.addEventListener("focusin", ({ target }) => {
    const own = /** @type {Element} */ (target).closest("li");
    for (const each of /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll(".row, .sign")))
      each.tabIndex = own?.contains(each) ? 0 : -1;
  });
  new MutationObserver(update).observe(list, {
    childList: true,
    attributes: true,
    subtree: true,
    attributeFilter: ["data-key", "data-alerts", "class"],
  });
  store.subscribe(({ alerts }) => alerts && update());
}
