/**
 * Keys for those who work without a mouse: single letters, which the dialog lists and can turn off (WCAG 2.1.4). They
 * do nothing while somebody types, draws, or has a dialog open, and leave all keys with Ctrl, Alt or Meta alone.
 */

import { ownName } from "../base/addresses.js";

const KEY = "shortcuts"; // in the browser's storage; "off" if they are turned off
const TYPING = "input, textarea, select, [contenteditable], dialog";

/**
 * What a key asks for; "" if nothing. Pure.
 * @param {Pick<KeyboardEvent, "key" | "ctrlKey" | "altKey" | "metaKey" | "isComposing" | "defaultPrevented">} event
 */
export function wish({ key, ctrlKey, altKey, metaKey, isComposing, defaultPrevented }) {
  if (ctrlKey || altKey || metaKey || isComposing || defaultPrevented) return "";
  const wishes = { "?": "help", "/": "search", n: "create", j: "next", k: "previous", a: "acknowledge", c: "close" };
  return Object.hasOwn(wishes, key) ? wishes[key] : "";
}

/**
 * The row to go to. Pure.
 * @param {number} count of rows @param {number} at the present row; -1 if none has the focus
 * @param {number} last the row that had the focus before @param {1 | -1} step
 */
export function nextRow(count, at, last, step) {
  // A row that was closed is gone, and the one below it has moved into its place.
  const to = at >= 0 ? at + step : last < 0 ? 0 : last + (step < 0 ? -1 : 0);
  return Math.min(count - 1, Math.max(0, to));
}

function isOff() {
  try {
    return localStorage.getItem(ownName(KEY)) === "off";
  } catch {
    return false; // this browser keeps nothing
  }
}

/**
 * @param {HTMLDialogElement} dialog of shared/_shortcuts.html
 * @param {HTMLElement} panel whose visible rows the keys go through: the panel of the map, or a page with a list
 * @param {object} actions
 * @param {() => boolean} actions.isBusy whether keys have another meaning now
 * @param {((pk: number) => void) | null} actions.acknowledge an incident's alerts; null: this person may not
 * @param {((pk: number) => void) | null} actions.close an incident; null: this person may not
 */
export function shortcuts(dialog, panel, { isBusy, acknowledge, close }) {
  const isOn = /** @type {HTMLInputElement} */ (dialog.querySelector("#shortcuts-on"));
  const search = /** @type {HTMLElement} */ (panel.querySelector('[name="text"]'));
  let last = -1;

  const rows = () =>
    /** @type {HTMLElement[]} */ ([
      ...panel.querySelectorAll('[role="tabpanel"]:not([hidden]) .row'),
      ...panel.querySelectorAll(".list .clamp"),
    ]);

  /** Opens the sheet of a phone, so that what gets the focus is seen. */
  const unfold = () => panel.querySelector("#panel-toggle")?.setAttribute("aria-expanded", "true");

  function move(step) {
    unfold();
    const all = rows();
    if (all.length === 0) return;
    last = nextRow(all.length, all.indexOf(/** @type {HTMLElement} */ (document.activeElement)), last, step);
    all[last].focus();
  }

  /** Does it for the row with the focus, or else presses the button of the open popup. */
  function doFor(act, button) {
    const row = /** @type {HTMLElement | null} */ (document.activeElement?.closest("[data-pk]"));
    if (row && act) return act(Number(row.dataset.pk));
    /** @type {HTMLElement | null} */ (document.querySelector(button))?.click();
  }

  const answers = {
    help: () => dialog.showModal(),
    search() {
      unfold();
      search.focus();
    },
    create: () => /** @type {HTMLElement | null} */ (panel.querySelector("#new-incident, #new"))?.click(),
    next: () => move(1),
    previous: () => move(-1),
    acknowledge: () => doFor(acknowledge, ".popup .alert-line button"),
    close: () => doFor(close, '.popup [data-act="close"]'),
  };

  document.addEventListener("keydown", (event) => {
    const target = /** @type {Element} */ (event.target);
    if (!isOn.checked || target.closest?.(TYPING) || document.querySelector("dialog[open]") || isBusy()) return;
    const answer = answers[wish(event)];
    if (!answer) return;
    event.preventDefault();
    answer();
  });

  const show = () =>
    isOn.checked ? search.setAttribute("aria-keyshortcuts", "/") : search.removeAttribute("aria-keyshortcuts");
  isOn.checked = !isOff();
  isOn.addEventListener("change", () => {
    try {
      localStorage.setItem(ownName(KEY), isOn.checked ? "on" : "off");
    } catch {
      // then the choice lasts as long as the page
    }
    show();
  });
  document.getElementById("show-shortcuts")?.addEventListener("click", answers.help);
  show();
}
