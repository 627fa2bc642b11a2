/** Tabs, for mouse and keyboard (the ARIA pattern, with the panel shown as soon as its tab has the focus). */

/**
 * @param {HTMLElement} list role tablist; each tab names its panel in aria-controls
 * @returns {(id: string, how?: {byUser?: boolean}) => void} chooses the tab with this id; one that the user has chosen
 *   stays
 */
export function makeTabs(list) {
  const tabs = /** @type {HTMLElement[]} */ ([...list.querySelectorAll('[role="tab"]')]);
  let isChosen = false;

  function choose(tab) {
    for (const each of tabs) {
      each.setAttribute("aria-selected", String(each === tab));
      each.tabIndex = each === tab ? 0 : -1;
      document.getElementById(each.getAttribute("aria-controls")).hidden = each !== tab;
    }
  }

  function choosing(tab) {
    isChosen = true;
    choose(tab);
    tab.focus();
  }

  list.addEventListener("click", ({ target }) => {
    const tab = /** @type {HTMLElement | null} */ (/** @type {Element} */ (target).closest('[role="tab"]'));
    if (tab) choosing(tab);
  });
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(/** @type {HTMLElement} */ (event.target));
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined || at < 0) return;
    choosing(tabs.at(to % tabs.length));
    event.preventDefault();
  });
  return (id, { byUser = false } = {}) => {
    if (isChosen && !byUser) return;
    isChosen = isChosen || byUser;
    choose(tabs.find((tab) => tab.id === id));
  };
}
