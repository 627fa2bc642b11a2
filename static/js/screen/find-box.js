/** The search box of the map: incidents, areas, places and coordinates, each in a group of their own. */

import { combobox } from "../base/combobox.js";
import { element, severityShape } from "../base/elements.js";
import { coordinateGroup, loadPlaces, placeOptions } from "../base/place-search.js";
import { t } from "../base/translate.js";
import { named } from "../live/lookup.js";

const MOST = 5; // of each group

/**
 * @param {HTMLInputElement} input @param {HTMLElement} list
 * @param {import("../live/store.js").Store} store
 * @param {string} vendor the address of the package's files
 * @param {import("./go-to.js").GoTo} go
 */
export function findBox(input, list, store, vendor, go) {
  /** @type {ReturnType<typeof loadPlaces> | undefined} */
  let loading;
  function places() {
    loading ??= loadPlaces(vendor);
    return loading;
  }
  input.addEventListener("focus", places);

  const option = ({ properties }, choose) => ({
    words: [severityShape(properties.severity), element("bdi", {}, properties.name)],
    value: properties.name,
    choose: () => choose(properties.pk),
  });
  const group = (label, features, choose) => ({ label, options: features.map((each) => option(each, choose)) });

  combobox(
    input,
    list,
    async (text) => {
      const exact = coordinateGroup(text, (position) => go.place(position, true));
      const incidents = [...store.incidents.values(), ...(store.closed?.values() ?? [])];
      const { search } = await places();
      const towns = search(text).slice(0, MOST);
      return [
        ...exact,
        group(t("Incidents"), named(incidents, text, MOST), (pk) => go.incident(pk)),
        group(t("Areas"), named(store.areas.values(), text, MOST), go.area),
        { label: t("Places"), options: placeOptions(towns, ({ position }) => go.place(position, false)) },
      ].filter(({ options }) => options.length > 0);
    },
    { none: t("Nothing of that name. Coordinates work, too: 35.34, 25.13") },
  );
}
