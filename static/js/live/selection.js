/** The incidents of a store that pass the filter. Follows changes of both, and the passing of time. Pure. */

import { serverNow } from "../base/server-clock.js";
import { agesWith, EVERYTHING, matcher, wantsClosed } from "./filter.js";

/**
 * @typedef {import("./messages.js").Feature} Feature
 * @typedef {{reset: boolean, changed: Set<number>, removed: Set<number>, created: Set<number>}} SelectionChange
 *   reset: everything may be another, and the rest says nothing; created: has just been reported, and is shown
 */

export class Selection {
  /** @type {Map<number, Feature>} */ shown = new Map();
  filter = EVERYTHING;
  #store;
  #clock;
  #matches;
  #listeners = new Set();

  /** @param {import("./store.js").Store} store @param {() => number} [clock] ms since 1970 */
  constructor(store, clock = serverNow) {
    this.#store = store;
    this.#clock = clock;
    store.subscribe((change) => this.#follow(change));
    this.choose(EVERYTHING);
  }

  /** @param {(change: SelectionChange) => void} listener */
  subscribe(listener) {
    this.#listeners.add(listener);
  }

  /** @param {import("./filter.js").Filter} filter */
  choose(filter) {
    this.filter = filter;
    this.#collect();
    this.#tell({ reset: true, changed: new Set(), removed: new Set(), created: new Set() });
  }

  /** Drops incidents that have become too old for a filter such as "last hour". */
  age() {
    if (!agesWith(this.filter)) return;
    this.#matches = matcher(this.filter, this.#store.areas, this.#clock());
    const removed = new Set([...this.shown].filter(([, feature]) => !this.#matches(feature)).map(([pk]) => pk));
    for (const pk of removed) this.shown.delete(pk);
    if (removed.size > 0) this.#tell({ reset: false, changed: new Set(), removed, created: new Set() });
  }

  #collect() {
    this.#matches = matcher(this.filter, this.#store.areas, this.#clock());
    const { incidents, closed } = this.#store;
    const all = closed && wantsClosed(this.filter) ? [incidents, closed] : [incidents];
    this.shown = new Map(all.flatMap((each) => [...each]).filter(([, feature]) => this.#matches(feature)));
  }

  #follow(change) {
    const { area } = this.filter;
    if (
      change.reset ||
      change.closed ||
      (area !== null && (change.areas.changed.has(area) || change.areas.removed.has(area)))
    ) {
      return this.choose(this.filter);
    }
    const changed = new Set();
    const removed = new Set();
    for (const pk of [...change.incidents.changed, ...change.incidents.removed]) {
      const feature = this.#store.find("incidents", pk);
      if (feature && this.#matches(feature)) {
        this.shown.set(pk, feature);
        changed.add(pk);
      } else if (this.shown.delete(pk)) removed.add(pk);
    }
    const created = new Set([...change.created].filter((pk) => changed.has(pk)));
    if (changed.size + removed.size > 0) this.#tell({ reset: false, changed, removed, created });
  }

  #tell(change) {
    for (const listener of this.#listeners) listener(change);
  }
}
