/** Short sentences for the reader over the map, each until it is dismissed or has been there long enough. */

import { element } from "../base/elements.js";
import { t } from "../base/translate.js";

const STAY_MS = 20_000;
const MOST = 3; // at once; the oldest goes

/**
 * @param {HTMLElement} place a live region
 * @returns {{say: (sentence: string, options?: {actions?: HTMLElement[], stay?: boolean}) => () => void}} actions:
 *   buttons and links, after any of which the notice goes; stay: until it is dismissed. say returns what removes it
 */
export function createNotices(place) {
  function say(sentence, { actions = [], stay = false } = {}) {
    const dismiss = element("button", { type: "button", class: "quiet" }, t("Dismiss"));
    const notice = element("div", { class: "notice" }, element("span", {}, sentence), ...actions, dismiss);
    const remove = () => notice.remove();
    for (const each of [...actions, dismiss]) each.addEventListener("click", remove);
    while (place.children.length >= MOST) place.firstElementChild.remove();
    place.append(notice);
    if (!stay) setTimeout(remove, STAY_MS);
    return remove;
  }
  return { say };
}

/**
 * @param {ReturnType<typeof createNotices>} notices @param {import("../live/store.js").Store} store
 * @param {string} host the name for which the server was asked for this page
 */
export function showNotices({ say }, store, host) {
  store.subscribe(({ notice }) => notice && say(notice));
  if (host === location.host) return;
  const stop = store.subscribe(({ connection }) => {
    if (!connection || store.connection.way !== "http") return;
    stop();
    const hosts = { host, own: location.host };
    const sentences = [
      t(
        "Changes come a second later: a proxy asks Tracker for %(host)s, not for %(own)s, so WebSockets are refused.",
        hosts,
      ),
      t("The operator finds in Tracker’s log what to set."),
    ];
    say(sentences.join(" "), { stay: true });
  });
}
