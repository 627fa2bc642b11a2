/**
 * The first load of the map page: the state that the browser keeps and the open alerts, or the collections. It is a
 * small module, so that it can ask before the rest of the page has loaded.
 */

import { within } from "../base/addresses.js";
import { published } from "../base/published.js";
import { KeptState } from "./kept-state.js";

// Of log entries since the kept state. An entry is some 450 bytes on the socket, and a feature 35 in a collection.
const ALWAYS_CONTINUED = 300;
const FEATURES_PER_ENTRY = 12;

/**
 * @typedef {import("./kept-state.js").Owner} Owner
 * @typedef {{incidents: any, areas: any, alerts: any, base: string | null}} Loaded base: the write of the kept state
 *   that these collections are; null if they come from the server
 * @typedef {{incidents: string, areas: string, alerts: string}} Collections the addresses of what a page shows
 * @typedef {{storage: KeptState, owner: Owner, loaded: Promise<Loaded>}} FirstLoad
 */

/** @param {string} address @returns {Promise<any>} */
export async function fetchJSON(address) {
  const response = await fetch(address, { headers: { Accept: "application/geo+json, application/json" } });
  if (!response.ok || response.redirected) throw new Error(`${address}: ${response.status}`);
  return response.json();
}

const ADDRESSES = {
  incidents: within("/tracker/incident/feature_collection/"),
  areas: within("/tracker/area_of_interest/feature_collection/"),
  alerts: within("/api/alerts/"),
};

/**
 * Everything from the server.
 * @param {Collections} [addresses] of another page than the map
 * @returns {Promise<Omit<Loaded, "base">>}
 */
export async function fetchCollections(addresses = ADDRESSES) {
  const asked = [addresses.incidents, addresses.areas, addresses.alerts];
  const [incidents, areas, alerts] = await Promise.all(asked.map(fetchJSON));
  return { incidents, areas, alerts };
}

/**
 * Whether to continue from a kept state costs less than to load everything.
 * @param {{seq: number, features: number}} kept @param {number} head of the log, when the page was made
 */
export const isWorthIt = ({ seq, features }, head) => head - seq <= ALWAYS_CONTINUED + features / FEATURES_PER_ENTRY;

/** The alerts are not kept: they and what is unread may change without an entry in the log. */
async function load(storage, owner, head) {
  const kept = await storage.read(owner, (about) => isWorthIt(about, head));
  if (!kept) return { ...(await fetchCollections()), base: null };
  const { about, features } = kept;
  const collection = (found) => ({ features: found, seq: about.seq, mark: about.mark, epoch: owner.epoch });
  const alerts = await fetchJSON(ADDRESSES.alerts);
  return { incidents: collection(features.incidents), areas: collection(features.areas), alerts, base: about.write };
}

/** @type {FirstLoad | null} */
let begun = null;

/** Begins the first load. Later calls return the same one. @returns {FirstLoad} */
export function firstLoad() {
  if (!begun) {
    const { seq, account, epoch } = JSON.parse(document.getElementById("place").textContent);
    const owner = { account, epoch, version: published.version };
    const storage = new KeptState();
    begun = { storage, owner, loaded: load(storage, owner, seq) };
    begun.loaded.catch(() => {}); // the page that waits for it handles that
  }
  return begun;
}
