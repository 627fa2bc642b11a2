/**
 * The form of the filter. It keeps the filter in the address, so that a link shares it.
 */

import { element } from "../base/elements.js";
import { t, tn } from "../base/translate.js";
import { EVERYTHING, listQuery, readFilter, strictness, writeFilter } from "../live/filter.js";
import { fromLocal, toLocal } from "../base/local-time.js";

const PAUSE_MS = 150; // of typing
const PHONE = "(max-width: 48rem)"; // as in map.css
const BEHIND = "header.site, .map-frame, #panel-toggle, #panel-body > :not(#filter)"; // the filter on a phone

/** @param {HTMLFormElement} form @returns {import("../live/filter.js").Filter} */
function readForm({ elements }) {
  return {
    severities: [...elements.severities].filter(({ checked }) => checked).map(({ value }) => value),
    state: elements.state.value,
    area: elements.area.value ? Number(elements.area.value) : null,
    text: elements.text.value.trim(),
    by: elements.by.value,
    since: elements.since.value,
    from: fromLocal(elements.from.value),
    to: fromLocal(elements.to.value),
  };
}

/** @param {HTMLFormElement} form @param {import("../live/filter.js").Filter} filter */
function writeForm({ elements }, { severities, state, area, text, by, since, from, to }) {
  for (const box of elements.severities) box.checked = severities.includes(box.value);
  elements.state.value = state;
  elements.area.value = area ?? "";
  elements.text.value = text;
  elements.by.value = by;
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
      ? [element("option", { value: String(chosen) }, t("Deleted area"))]
      : [];
  const options = areas.map(({ pk, name }) => element("option", { value: String(pk) }, name));
  select.replaceChildren(element("option", { value: "" }, t("Anywhere")), ...options, ...missing);
  select.value = chosen === null ? "" : String(chosen);
}

/**
 * @param {HTMLFormElement} form as in map.html
 * @param {import("../live/store.js").Store} store whose areas can be chosen
 * @param {(filter: import("../live/filter.js").Filter) => void} onChange called at once with the filter in the address
 * @param {HTMLAnchorElement} list the link to the list of incidents, which has the same filter
 * @returns {{clear: () => void, counted: (n: number) => void}} counted: call it with the number of incidents that pass
 */
export function filterForm(form, store, onChange, list) {
  const part = (id) => form.querySelector(`#filter-${id}`);
  let filter = readFilter(new URLSearchParams(location.search));
  let timer;
  const phone = matchMedia(PHONE);
  phone.addEventListener("change", () => open(false));
  const listPath = list.pathname;

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
    list.href = `${listPath}?${listQuery(filter)}`;
    onChange(filter);
  }

  function open(isOpen) {
    part("more").hidden = !isOpen;
    part("toggle").setAttribute("aria-expanded", String(isOpen));
    form.classList.toggle("open", isOpen);
    // On a phone the open filter covers all else.
    /** @type {HTMLElement} */ for (const each of document.querySelectorAll(BEHIND))
      each.inert = isOpen && phone.matches;
  }

  function clear() {
    writeForm(form, EVERYTHING);
    take(EVERYTHING);
    form.elements.text.focus();
  }

  form.addEventListener("input", ({ target }) => {
    const { by, since, state } = form.elements;
    // An open incident has no time of closing, so this choice would show nothing.
    if ((target === by || target === since) && by.value === "closed" && since.value && state.value === "open")
      state.value = "closed";
    clearTimeout(timer);
    timer = setTimeout(() => take(readForm(form)), PAUSE_MS);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  part("toggle").addEventListener("click", () => open(part("more").hidden));
  part("show").addEventListener("click", () => {
    open(false);
    part("toggle").focus();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || part("more").hidden) return;
    open(false);
    part("toggle").focus();
    event.stopPropagation();
  });
  part("clear").addEventListener("click", clear);
  store.subscribe(({ reset, areas: { changed, removed } }) => {
    if (reset || changed.size + removed.size > 0) listAreas(form.elements.area, store, filter.area);
  });
  listAreas(form.elements.area, store, filter.area);
  writeForm(form, filter);
  take(filter);
  return { clear, counted: (n) => (part("show").textContent = tn("Show %(n)s", "Show %(n)s", n)) };
}
