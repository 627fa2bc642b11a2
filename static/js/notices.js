/** Short sentences for the reader over the map, one at a time, until they are read or replaced. */

import { element } from "./elements.js";

const STAY_MS = 20_000;

/** @param {HTMLElement} place a live region @param {import("./store.js").Store} store */
export function showNotices(place, store) {
  let timer;
  function show(sentence) {
    const button = element("button", { type: "button", class: "quiet" }, "Dismiss");
    const notice = element("p", { class: "notice" }, sentence, button);
    button.addEventListener("click", () => notice.remove());
    place.replaceChildren(notice);
    clearTimeout(timer);
    timer = setTimeout(() => notice.remove(), STAY_MS);
  }
  store.subscribe(({ notice }) => notice && show(notice));
}
