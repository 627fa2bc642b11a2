/**
 * The form of the filter. It keeps the filter in the address, so that a link shares it.
 */

import { element } from "../base/elements.js";
import { EVERYTHING, readFilter, strictness, writeFilter } from "../live/filter.js";
import { fromLocal, toLocal } from "../base/local-time.js";

const PAUSE_MS = 150; // of typing

/** @param {HTMLFormElement} form @returns {import("../live/filter.js").Filter} */
function readForm({ elements }) {
  return {
    severities: [...elements.severities].filter(({ checked }) => checked).map(({ value }) => value),
    state: elements.state.value,
    area: elements.area.value ? Number(elements.area.value) : null,
    text: elements.text.value.trim(),
    since: elements.since.value,
    from: fromLocal(elements.from.value),
    to: fromLocal(elements.to.value),
  };
}

/** @param {HTMLFormElement} form @param {import("../live/filter.js").Filter} filter */
function writeForm({ elements }, { severities, state, area, text, since, from, to }) {
  for (const box of elements.severities) box.checked = severities.includes(box.value);
  elements.state.value = state;
  elements.area.value = area ?? "";
  elements.text.value = text;
  elements.since.value = since;
  elements.from.value = toLocal(from);
  elements.to.value = toLocal(to);
}

function listAreas(select, store, chosen) {
  const areas = [...store.areas.values()]
    .map(({ properties: { pk, name } }) => ({ pk, name }))
    .sort((a, b) => a.name.localeCompare(b.name));
  const missing =
    chosen !== null && !store.areas.has(chosen)
      ? [element("option", { value: String(chosen) }, "An area that is no more")]
      : [];
  const options = areas.map(({ pk, name }) => element("option", { value: String(pk) }, name));
  select.replaceChildren(element("option", { value: "" }, "Anywhere"), ...options, ...missing);
  select.value = chosen === null ? "" : String(chosen);
}

/**
 * @param {HTMLFormElement} form as in map.html
 * @param {import("../live/store.js").Store} store whose areas can be chosen
 * @param {(filter: import("../live/filter.js").Filter) => void} onChange called at once with the filter in the address
 */
export function filterForm(form, store, onChange) {
  const part = (id) => form.querySelector(`#filter-${id}`);
  let filter = readFilter(new URLSearchParams(location.search));
  let timer;

  function take(next) {
    filter = next;
    const count = strictness(filter);
    part("count").hidden = count === 0;
    part("count").textContent = String(count);
    part("clear").hidden = count === 0;
    part("range").hidden = filter.since !== "range";
    const url = new URL(location.href);
    writeFilter(url.searchParams, filter);
    url.search = url.searchParams.toString().replaceAll("%2C", ","); // easier to read in a pasted link
    if (url.href !== location.href) history.replaceState(history.state, "", url);
    onChange(filter);
  }

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => take(readForm(form)), PAUSE_MS);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  part("toggle").addEventListener("click", () => {
    part("more").hidden = !part("more").hidden;
    part("toggle").setAttribute("aria-expanded", String(!part("more").hidden));
  });
  part("clear").addEventListener("click", () => {
    writeForm(form, EVERYTHING);
    take(EVERYTHING);
    form.elements.text.focus();
  });
  store.subscribe(({ reset, areas: { changed, removed } }) => {
    if (reset || changed.size + removed.size > 0) listAreas(form.elements.area, store, filter.area);
  });
  listAreas(form.elements.area, store, filter.area);
  writeForm(form, filter);
  take(filter);
}
