/**
 * Keeps the state of a store in the browser. It writes everything once after the first load, and later what has
 * changed. Pure: it gets a storage, which is KeptState of kept-state.js.
 *
 * Features are kept in buckets by primary key. A change then costs one bucket, and not the megabytes of the whole. A
 * text may be newer than the place in the log that is written with it; the log from there repeats what it has.
 */

const BUCKET = 500; // primary keys
const FIRST_MS = 2_000; // after the load, when the map has been drawn
const LATER_MS = 5_000; // after a change
const BEHIND_MS = 60_000; // for a tab that is not the one that writes
const MAX_FEATURES = 50_000; // about 25 MB of text; beyond that nothing is kept
const MAX_LENGTH = 48 << 20; // characters of all texts, since a feature may be an area with many vertices

/**
 * @typedef {import("./kept-state.js").Owner} Owner
 * @typedef {import("./kept-state.js").Texts} Texts
 * @typedef {import("./store.js").Store} Store
 * @typedef {Pick<import("./kept-state.js").KeptState, "write" | "forget">} Storage
 */

const COLLECTIONS = /** @type {const} */ (["incidents", "areas"]);

/** The name of the bucket of a feature. @param {string} collection @param {number} pk */
const bucketOf = (collection, pk) => `${collection} ${Math.floor(pk / BUCKET)}`;

/** A promise for the next turn of the event loop. */
const turn = () => new Promise((resolve) => setTimeout(resolve));

export class Keeper {
  #store;
  #loaded; // the incidents as a `load` has set them, which another one replaces
  #storage;
  #owner;
  #pause;
  /** @type {string | null} the write that the next one builds on */ #base;
  #whole; // whether the next write must have all buckets
  #force = false; // whether it replaces also what is newer: the server does not continue from that
  /** @type {Set<string>} buckets that have changed since */ #dirty = new Set();
  /** @type {import("./kept-state.js").Place} that the listeners of the store have reached */ #place;
  #timer;
  #writing = false;
  #behind = false;
  #ended = false;
  #stopListening;

  /**
   * @param {Store} store
   * @param {Storage} storage
   * @param {Owner} owner
   * @param {{base?: string | null, pause?: () => Promise<unknown>}} [options] base: the write that the store was loaded
   *   from. pause: between two buckets of a whole state
   */
  constructor(store, storage, owner, { base = null, pause = turn } = {}) {
    this.#store = store;
    this.#loaded = store.incidents;
    this.#storage = storage;
    this.#owner = owner;
    this.#pause = pause;
    this.#base = base;
    this.#whole = base === null;
    this.#place = { seq: store.seq, mark: store.mark };
    this.#stopListening = store.subscribe((change) => this.#note(change));
    if (this.#whole) this.#writeAfter(FIRST_MS);
  }

  /** Writes what has changed at once, since the page may be about to end. All of it would take too long then. */
  hurry() {
    if (!this.#whole && this.#timer !== undefined) this.#write();
  }

  /** Ends it, and deletes what is kept. */
  forget() {
    this.#end();
    return this.#storage.forget();
  }

  #end() {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#stopListening();
  }

  /** @param {import("./changes.js").Change} change */
  #note(change) {
    const { seq, mark, epoch, connection } = this.#store;
    if (connection.state === "signed-out") return void this.forget();
    if (seq === null || epoch === null) return; // everything will be loaded
    if (epoch !== this.#owner.epoch) return this.#end(); // the database is another one now
    if (seq === this.#place.seq && this.#store.incidents === this.#loaded) return;
    this.#place = { seq, mark };
    if (this.#store.incidents !== this.#loaded) {
      this.#loaded = this.#store.incidents;
      this.#whole = this.#force = true;
    }
    for (const collection of COLLECTIONS)
      for (const keys of Object.values(change[collection]))
        for (const pk of keys) this.#dirty.add(bucketOf(collection, pk));
    this.#writeAfter(this.#behind ? BEHIND_MS : LATER_MS);
  }

  #writeAfter(milliseconds) {
    this.#timer ??= setTimeout(() => this.#write(), milliseconds);
  }

  async #write() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing) return this.#writeAfter(LATER_MS);
    this.#writing = true;
    try {
      await this.#writeNow();
    } catch {
      this.#end(); // a full or forbidden storage; what is there is of an earlier place, and still true
    } finally {
      this.#writing = false;
    }
  }

  async #writeNow() {
    const { incidents, areas } = this.#store;
    const features = incidents.size + areas.size;
    if (this.#place.seq === null) return; // nothing is loaded yet
    if (features > MAX_FEATURES) return void this.forget();
    const [place, whole, force, dirty] = [this.#place, this.#whole, this.#force, this.#dirty];
    this.#dirty = new Set();
    this.#whole = this.#force = false;
    const texts = whole ? await this.#all() : this.#texts(dirty);
    if (this.#ended) return;
    if (texts === null) return void this.forget();
    const about = { ...this.#owner, ...place, features };
    const found = await this.#storage.write(about, texts, whole ? null : this.#base, { force });
    this.#behind = found === "newer" || found === "other";
    if (!this.#behind) this.#base = found;
    else this.#whole = true;
    if (found === "other" && !this.#ended) this.#writeAfter(BEHIND_MS);
  }

  /** The texts of all buckets, made with pauses; null if they are too long. @returns {Promise<Texts | null>} */
  async #all() {
    const names = new Set(COLLECTIONS.flatMap((name) => [...this.#store[name].keys()].map((pk) => bucketOf(name, pk))));
    const texts = new Map();
    let length = 0;
    for (const name of names) {
      const [[, text]] = this.#texts([name]);
      texts.set(name, text);
      length += text?.length ?? 0;
      if (length > MAX_LENGTH) return null;
      await this.#pause();
    }
    return texts;
  }

  /** @param {Iterable<string>} names of buckets @returns {Texts} */
  #texts(names) {
    return new Map([...names].map((name) => [name, this.#text(name)]));
  }

  #text(name) {
    const [collection, number] = name.split(" ");
    const features = [];
    for (let pk = number * BUCKET; pk < (Number(number) + 1) * BUCKET; pk++) {
      const feature = this.#store[collection].get(pk);
      if (feature) features.push(feature);
    }
    return features.length ? JSON.stringify(features).slice(1, -1) : null; // so that texts can be joined
  }
}
