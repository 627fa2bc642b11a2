/** A list of rows, each of which chooses an incident. It changes in place, so focus and scroll position stay. */

import { element, severityShape } from "../base/elements.js";
import { actionButtons } from "./incident-actions.js";

/** @param {import("../live/messages.js").Properties} properties */
const rowContent = ({ name, severity }) => [
  severityShape(severity),
  element("span", { class: "name" }, name),
  element("span", { class: "more" }),
];

function row(pk, { choose, point }) {
  const button = element("button", { type: "button", class: "row", tabindex: "-1" });
  button.addEventListener("click", ({ detail }) => choose(pk, { byKey: detail === 0 }));
  for (const event of ["pointerenter", "focus"]) button.addEventListener(event, () => point(pk));
  for (const event of ["pointerleave", "blur"]) button.addEventListener(event, () => point(null));
  return element("li", { "data-pk": String(pk) }, button);
}

/**
 * The buttons of a row, for editors. They are not in the order of the Tab key, in which the list is one stop: the
 * popup of the incident has them, too. A press is the event `act` of the list, with the act's name and the incident.
 * @param {HTMLElement} list @param {import("../live/messages.js").Feature} feature
 */
function rowActs(list, feature) {
  const act = async (name, incident) =>
    void list.dispatchEvent(new CustomEvent("act", { bubbles: true, detail: { name, incident } }));
  const buttons = list.closest('[data-may-edit="yes"]') ? actionButtons(feature, act) : [];
  for (const button of buttons) button.tabIndex = -1;
  return element("div", { class: "row-acts" }, ...buttons);
}

/**
 * Updates the rows from the entries. Rows that stay are kept, and so are focus and scroll position.
 * @param {HTMLElement} list
 * @param {{key: string, feature: import("../live/messages.js").Feature, more: string, waits?: boolean, alerts?:
 *   string}[]} entries a changed feature has another key
 * @param {{choose: (pk: number, how: {byKey: boolean}) => void, point: (pk: number | null) => void}} actions
 */
export function arrange(list, entries, actions) {
  const children = /** @type {HTMLElement[]} */ ([...list.children]);
  const present = new Map(children.map((item) => [item.dataset.pk, item]));
  const items = entries.map(({ key, feature, more, waits = false, alerts = "" }) => {
    const { properties } = feature;
    const item = present.get(String(properties.pk)) ?? row(properties.pk, actions);
    if (item.dataset.key !== key) {
      item.firstElementChild.replaceChildren(...rowContent(properties));
      item.querySelector(".row-acts")?.remove();
      item.append(rowActs(list, feature));
    }
    item.dataset.key = key;
    item.classList.toggle("waits", waits);
    if (alerts) item.dataset.alerts = alerts;
    const words = item.querySelector(".more");
    if (words.textContent !== more) words.textContent = more;
    return item;
  });
  const keep = new Set(items);
  for (const item of present.values()) if (!keep.has(item)) item.remove();
  items.forEach((item, index) => {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
  if (list.contains(document.activeElement)) return;
  for (const [index, row] of list.querySelectorAll(".row").entries()) row.tabIndex = index === 0 ? 0 : -1;
}

const MOVES = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };

/** Makes the whole list one stop of the Tab key; within it the arrow keys move. @param {HTMLElement} list */
export function moveByArrows(list) {
  list.addEventListener("keydown", (event) => {
    const rows = [...list.querySelectorAll(".row")];
    const at = rows.indexOf(event.target);
    if (!(event.key in MOVES) || at < 0) return;
    rows[Math.min(rows.length - 1, Math.max(0, at + MOVES[event.key]))].focus();
    event.preventDefault();
  });
  list.addEventListener("focusin", ({ target }) => {
    for (const each of list.querySelectorAll('[tabindex="0"]')) each.tabIndex = -1;
    /** @type {HTMLElement} */ (target).tabIndex = 0;
  });
}

/**
 * Changes a scrolled list without moving the rows that the reader sees.
 * @param {HTMLElement} scroller
 * @param {() => void} change
 */
export function keepingPlace(scroller, change) {
  const top = scroller.getBoundingClientRect().top;
  const rows = scroller.scrollTop > 0 ? [...scroller.querySelectorAll(".rows > li")] : [];
  const seen = rows.find((each) => each.getBoundingClientRect().bottom > top + each.offsetHeight);
  const before = seen?.getBoundingClientRect().top;
  change();
  if (seen?.isConnected) scroller.scrollTop += seen.getBoundingClientRect().top - before;
}
