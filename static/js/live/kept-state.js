/**
 * The state of the map page in IndexedDB: features as text, in buckets, and the place in the log up to which they go.
 * If it fails, as it may in a private window, nothing is kept. Knows neither the store nor the network.
 *
 * Each write names the write or read that it builds on, and is refused if another tab has written since. So no tab
 * mixes its buckets with those of another.
 */

import { ownName } from "../base/addresses.js";

const NAME = ownName("state");
const SCHEMA = 1; // of what is stored; what was stored with another one is deleted
const OPEN_MS = 1_500; // a database that is being deleted opens when the last tab lets go of it; a page does not wait
const KEY = "about";

/**
 * @typedef {{account: number, epoch: string, version: string}} Owner version: of the server, whose features may change
 *   with it
 * @typedef {{seq: number, mark: string | null}} Place in the log
 * @typedef {Owner & Place & {features: number, write?: string}} About features: about how many there are. write: a
 *   random name of the last write
 * @typedef {Map<string, string | null>} Texts JSON of a bucket's features by the bucket's name, such as "incidents 3";
 *   null if it is empty
 */

/** @param {IDBRequest} request @returns {Promise<any>} */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** @param {IDBTransaction} transaction @returns {Promise<void>} */
const committed = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, SCHEMA);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      reject(new Error("the browser's storage does not open"));
    }, OPEN_MS);
    request.onupgradeneeded = () => {
      for (const name of request.result.objectStoreNames) request.result.deleteObjectStore(name);
      for (const name of ["about", "buckets"]) request.result.createObjectStore(name);
    };
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      clearTimeout(timer);
      if (late) request.result.close();
      else resolve(request.result);
    };
  });
}

const isOf = (about, { account, epoch, version }) =>
  about.account === account && about.epoch === epoch && about.version === version;

export class KeptState {
  /** @type {Promise<IDBDatabase> | null} */ #database = null;
  #ended = false;

  /** @returns {Promise<IDBDatabase>} */
  #open() {
    if (this.#ended) return Promise.reject(new Error("this page keeps nothing any more"));
    this.#database ??= openDatabase().then((database) => {
      if (this.#ended) database.close();
      database.onversionchange = () => this.end(); // a tab has signed out, and deletes it
      return database;
    });
    return this.#database;
  }

  /** Writes nothing from now on. */
  end() {
    this.#ended = true;
    this.#database?.then(
      (database) => database.close(),
      () => {},
    );
  }

  /**
   * Returns the features and their place, or null. Deletes those of another owner.
   * @param {Owner} owner
   * @param {(about: About) => boolean} isWanted whether it is worth reading
   * @returns {Promise<{about: About, features: {incidents: object[], areas: object[]}} | null>}
   */
  async read(owner, isWanted) {
    try {
      const transaction = (await this.#open()).transaction(["about", "buckets"]);
      const about = await done(transaction.objectStore("about").get(KEY));
      if (!about || !isOf(about, owner)) {
        if (about) await this.#clear();
        return null;
      }
      if (!isWanted(about)) return null;
      const buckets = transaction.objectStore("buckets");
      const [names, texts] = await Promise.all([done(buckets.getAllKeys()), done(buckets.getAll())]);
      const of = (collection) =>
        JSON.parse(`[${texts.filter((_, index) => names[index].startsWith(collection)).join(",")}]`);
      return { about, features: { incidents: of("incidents"), areas: of("areas") } };
    } catch {
      return null;
    }
  }

  /**
   * Writes the buckets that have changed, or all of them.
   * @param {About} about but for `write`
   * @param {Texts} texts
   * @param {string | null} base the write on which these texts build; null: they are all, and replace what is there
   * @param {{force?: boolean}} [options] force: replaces also what is newer
   * @returns {Promise<string>} the name of this write. "newer" or "other": another tab has written meanwhile, a newer
   *   state or any other one, and this one was not written
   */
  async write(about, texts, base, { force = false } = {}) {
    const transaction = (await this.#open()).transaction(["about", "buckets"], "readwrite", { durability: "relaxed" });
    const end = committed(transaction);
    const abouts = transaction.objectStore("about");
    const there = await done(abouts.get(KEY));
    const isNewer = !!there && isOf(there, about) && there.seq >= about.seq;
    if (!force && there?.write !== (base ?? undefined) && (base !== null || isNewer)) {
      transaction.abort();
      await end.catch(() => {});
      return isNewer ? "newer" : "other";
    }
    const buckets = transaction.objectStore("buckets");
    if (base === null) buckets.clear();
    for (const [name, text] of texts) {
      if (text === null) buckets.delete(name);
      else buckets.put(text, name);
    }
    const write = `${Date.now()} ${Math.random()}`;
    abouts.put({ ...about, write }, KEY);
    await end;
    return write;
  }

  async #clear() {
    const transaction = (await this.#open()).transaction(["about", "buckets"], "readwrite");
    const end = committed(transaction);
    for (const name of ["about", "buckets"]) transaction.objectStore(name).clear();
    await end;
  }

  /** Deletes what is kept, and writes nothing from now on. */
  async forget() {
    try {
      await this.#clear(); // even if a tab that sleeps delays the deletion
    } catch {
      // the deletion comes
    }
    this.end();
    try {
      indexedDB.deleteDatabase(NAME); // which tells the other tabs
    } catch {
      // without a storage there is nothing to delete
    }
  }
}

/** Deletes what this browser keeps of the map, as at a sign-out. */
export async function forgetState() {
  try {
    const all = (await indexedDB.databases?.()) ?? [{ name: NAME }];
    if (all.some(({ name }) => name === NAME)) await new KeptState().forget();
  } catch {
    // without a storage there is nothing to delete
  }
}
