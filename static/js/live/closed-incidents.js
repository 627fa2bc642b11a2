/**
 * Loads the closed incidents when the filter first asks for them, and after every reload of the store. Retries until it
 * succeeds. Pure.
 */

import { backoff } from "../base/backoff.js";
import { wantsClosed } from "./filter.js";
import { t } from "../base/translate.js";

const PROBLEM = t("The closed incidents could not be loaded; they are asked for again.");

/**
 * @param {import("./store.js").Store} store
 * @param {import("./selection.js").Selection} selection
 * @param {() => Promise<{features: import("./messages.js").Feature[]}>} fetchClosed
 * @param {object} options
 * @param {(text: string) => void} options.say
 * @param {(run: () => void, ms: number) => void} [options.later] calls `run` after that long
 */
export function loadClosedOnDemand(store, selection, fetchClosed, { say, later = setTimeout }) {
  let failed = 0;
  let waits = false;

  function load() {
    if (!wantsClosed(selection.filter)) failed = 0;
    else if (!waits && !store.closed && store.seq !== null)
      store.loadClosed(fetchClosed).then(() => (failed = 0), tryAgain);
  }

  function tryAgain() {
    if (!failed) say(PROBLEM);
    waits = true;
    later(() => {
      waits = false;
      load();
    }, backoff(failed++));
    selection.choose(selection.filter); // drops the incidents that were closed meanwhile
  }

  selection.subscribe(({ reset }) => reset && load());
}
