/** A field to search places by name, and positions by their coordinates. */

import { combobox } from "./combobox.js";
import { coordinateWords, parseCoordinates } from "./coordinates.js";
import { fullName, placeSearch, readPlaces } from "./places.js";
import { t } from "./translate.js";

/** @typedef {import("./places.js").Place} Place */
/** @typedef {import("./geojson.js").Position} Position */

export const NO_PLACES = t("No place of that name, or a small one.");

/**
 * Loads the list of places. Without a network the list is empty.
 * @param {string} vendor the address of the package's files
 * @returns {Promise<{places: Place[], search: (text: string) => Place[]}>}
 */
export async function loadPlaces(vendor) {
  try {
    const answer = await fetch(`${vendor}places.json`);
    if (!answer.ok) throw new Error(`places.json: ${answer.status}`);
    const places = readPlaces(await answer.json());
    return { places, search: placeSearch(places) };
  } catch (error) {
    console.info("The search is without places:", error);
    return { places: [], search: () => [] };
  }
}

/**
 * The position that a text says, as one group of a list; no group if it says none.
 * @param {string} text @param {(position: Position) => void} choose
 * @returns {import("./combobox.js").Group[]}
 */
export function coordinateGroup(text, choose) {
  const point = parseCoordinates(text);
  if (!point) return [];
  const words = coordinateWords(point.coordinates);
  return [
    { label: t("Coordinates"), options: [{ words: [words], value: words, choose: () => choose(point.coordinates) }] },
  ];
}

/**
 * @param {Place[]} places @param {(place: Place) => void} choose
 * @returns {import("./combobox.js").Option[]}
 */
export const placeOptions = (places, choose) =>
  places.map((place) => ({ words: [fullName(place)], value: fullName(place), choose: () => choose(place) }));

/**
 * @param {HTMLInputElement} input role combobox @param {HTMLElement} list role listbox
 * @param {(text: string) => Promise<Place[]>} search
 * @param {(position: Position, exact: boolean) => void} choose exact: the person has typed coordinates
 */
export function placeField(input, list, search, choose) {
  const groups = async (text) => {
    const exact = coordinateGroup(text, (position) => choose(position, true));
    if (exact.length > 0) return exact;
    return [{ label: "", options: placeOptions(await search(text), ({ position }) => choose(position, false)) }];
  };
  combobox(input, list, groups, { none: NO_PLACES });
}
