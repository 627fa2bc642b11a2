/**
 * A field to search places, with suggestions for finger, mouse and keyboard (the ARIA combobox pattern).
 */

import { element } from "../base/elements.js";
import { fullName } from "../base/places.js";

/** @typedef {import("../base/places.js").Place} Place */

/**
 * @param {HTMLInputElement} input role combobox @param {HTMLElement} list role listbox
 * @param {(text: string) => Promise<Place[]>} search
 * @param {(place: Place) => void} onChoose
 */
export function placeField(input, list, search, onChoose) {
  /** @type {Place[]} */
  let found = [];
  let active = -1;

  function show(places) {
    found = places;
    list.replaceChildren(
      ...places.map((place, index) => element("li", { role: "option", id: `${list.id}-${index}` }, fullName(place))),
    );
    if (places.length === 0 && input.value.trim())
      list.append(
        element(
          "li",
          { role: "option", "aria-disabled": "true", class: "hint" },
          "No place of that name, or a small one.",
        ),
      );
    list.hidden = list.children.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark(places.length > 0 ? 0 : -1);
  }

  function hide() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    mark(-1);
  }

  function mark(index) {
    active = index;
    for (const [each, option] of [...list.children].entries())
      option.setAttribute("aria-selected", String(each === index));
    if (index < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", `${list.id}-${index}`);
  }

  function choose(index) {
    const place = found[index];
    if (!place) return;
    input.value = fullName(place);
    hide();
    onChoose(place);
  }

  async function look() {
    const text = input.value;
    const places = text.trim() ? await search(text) : [];
    if (text === input.value && document.activeElement === input) show(places);
  }

  const keys = {
    ArrowDown: () => (list.hidden ? look() : mark((active + 1) % found.length)),
    ArrowUp: () => mark((active - 1 + found.length) % found.length),
    Enter: () => !list.hidden && choose(active),
    Escape: hide,
  };
  input.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || event.isComposing) return;
    event.preventDefault(); // above all Enter, which would send the form
    if (event.key === "Enter" || event.key === "Escape" || found.length > 0) keys[event.key]();
  });
  input.addEventListener("input", look);
  input.addEventListener("focus", () => input.select());
  input.addEventListener("blur", hide);
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // so that the field keeps the focus
  list.addEventListener("click", ({ target }) =>
    choose([...list.children].indexOf(/** @type {Element} */ (target).closest("[role=option]"))),
  );
}
