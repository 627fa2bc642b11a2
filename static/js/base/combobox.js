/**
 * A text field with a list of suggestions below it, in groups, for finger, mouse and keyboard: the ARIA combobox
 * pattern.
 */

import { element } from "./elements.js";

/**
 * @typedef {{words: (Node | string)[], value: string, choose: () => void}} Option words: as the list shows it; value:
 *   what the field then has
 * @typedef {{label: string, options: Option[]}} Group
 */

/**
 * @param {HTMLInputElement} input role combobox @param {HTMLElement} list role listbox
 * @param {(text: string) => Promise<Group[]>} search is given a text that is not empty
 * @param {{none: string}} words none: what the list says when nothing was found
 */
export function combobox(input, list, search, { none }) {
  /** @type {Option[]} */
  let found = [];
  let shownFor = "";
  let active = -1;

  const optionElement = ({ words }, index) =>
    element("li", { role: "option", id: `${list.id}-${index}`, "aria-selected": "false" }, ...words);

  function groupElement({ label, options }, first) {
    const rows = options.map((option, index) => optionElement(option, first + index));
    if (!label) return rows;
    const heading = element("div", { class: "group-label", "aria-hidden": "true" }, label);
    const group = element("ul", { role: "group", "aria-label": label }, ...rows);
    return [element("li", { role: "presentation" }, heading, group)];
  }

  /** @param {Group[]} groups */
  function show(groups) {
    found = groups.flatMap(({ options }) => options);
    shownFor = input.value;
    let first = 0;
    const rows = groups.flatMap((group) => {
      const made = groupElement(group, first);
      first += group.options.length;
      return made;
    });
    list.replaceChildren(...rows);
    if (found.length === 0 && input.value.trim())
      list.append(element("li", { role: "option", "aria-disabled": "true", class: "hint" }, none));
    list.hidden = list.children.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark(found.length > 0 ? 0 : -1);
  }

  function hide() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    mark(-1);
  }

  function mark(index) {
    active = index;
    for (const option of list.querySelectorAll("[role=option]")) {
      const isActive = option.id === `${list.id}-${index}`;
      option.setAttribute("aria-selected", String(isActive));
      if (isActive) option.scrollIntoView({ block: "nearest" });
    }
    if (index < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", `${list.id}-${index}`);
  }

  function choose(index) {
    const option = found[index];
    if (!option) return;
    input.value = option.value;
    hide();
    option.choose();
  }

  async function look() {
    const text = input.value;
    const groups = text.trim() ? await search(text) : [];
    if (text === input.value && document.activeElement === input) show(groups);
  }

  /** Enter may come before the results: it then takes the first of them. */
  async function enter() {
    if (list.hidden || shownFor !== input.value) await look();
    if (!list.hidden) choose(Math.max(active, 0));
  }

  const keys = {
    ArrowDown: () => (list.hidden ? look() : found.length && mark((active + 1) % found.length)),
    ArrowUp: () => found.length && mark((active - 1 + found.length) % found.length),
    Enter: enter,
    Escape: hide,
  };
  input.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || event.isComposing) return;
    event.preventDefault(); // above all Enter, which would send the form
    keys[event.key]();
  });
  input.addEventListener("input", look);
  input.addEventListener("focus", () => input.select());
  input.addEventListener("blur", hide);
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // so that the field keeps the focus
  list.addEventListener("click", ({ target }) => {
    const option = /** @type {Element} */ (target).closest("[role=option]");
    if (option) choose([...list.querySelectorAll("[role=option]")].indexOf(option));
  });
}
