/**
 * Keeps a store in sync with the server: loads the collections and the open alerts, then applies the log from there.
 * Loads all of it again when the log has a gap.
 */

import { onSignIn, OtherAccount, refresh } from "../base/session.js";
import { signInAgain } from "../base/sign-in-again.js";
import { fetchCollections, firstLoad } from "./first-load.js";
import { Keeper } from "./keeper.js";
import { CONNECT_MS, Socket } from "./socket.js";
import { hasUnsaved } from "../base/unsaved.js";

const REPLAY_QUIET_MS = 1_000; // a replay without its last entry ends after this much silence

/**
 * @typedef {{notifications: string, poll: string, signIn: string}} Addresses
 * @typedef {import("./first-load.js").Collections} Collections
 */

const VERDICTS = { 401: "signed out", 426: "open", 429: "full" };

/**
 * Asks the server why a WebSocket was refused.
 * @param {Pick<Addresses, "notifications">} addresses
 * @returns {Promise<import("./socket.js").Answer>}
 */
export async function askWhy(addresses) {
  try {
    const response = await fetch(addresses.notifications, {
      redirect: "manual",
      signal: AbortSignal.timeout(CONNECT_MS),
    });
    if (response.type === "opaqueredirect") return { verdict: "signed out" };
    const verdict = VERDICTS[response.status] ?? "unreachable";
    return verdict === "full" ? { verdict, reason: (await response.json()).error } : { verdict };
  } catch {
    return { verdict: "unreachable" };
  }
}

/**
 * The address of the log after the entries that the store has.
 * @param {string} path
 * @param {import("./store.js").Store} store
 */
export function addressAfter(path, store) {
  const url = new URL(path, location.href);
  if (store.seq !== null) url.searchParams.set("since", String(store.seq));
  if (store.mark !== null) url.searchParams.set("mark", store.mark);
  if (store.epoch !== null) url.searchParams.set("epoch", store.epoch);
  return url;
}

/** @param {Pick<Addresses, "notifications">} addresses @param {import("./store.js").Store} store */
export function socketAddress(addresses, store) {
  const url = addressAfter(addresses.notifications, store);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/**
 * Returns a function that asks, and passes the answer to `take`, or calls `giveUp`. Only the newest call counts. An
 * older answer may arrive later, when the connection broke and came back, and would set the store back.
 * @template T
 * @param {() => Promise<T>} ask @param {(answer: T) => void} take @param {() => void} giveUp
 */
export function latest(ask, take, giveUp) {
  let calls = 0;
  return async () => {
    const call = ++calls;
    try {
      const answer = await ask();
      if (call === calls) take(answer);
    } catch {
      if (call === calls) giveUp();
    }
  };
}

/**
 * Starts the synchronisation, which runs until the page is left.
 * @param {import("./store.js").Store} store
 * @param {Addresses} addresses
 * @param {(version?: string) => void} onVersion called with the server's version when the server greets the page
 * @param {{collections?: Collections}} [options] collections: where a page without an account of its own gets all that
 *   it shows. The browser then keeps nothing of it.
 */
export async function keepInSync(store, addresses, onVersion, { collections } = {}) {
  let quiet;
  const socket = new Socket({
    url: () => socketAddress(addresses, store),
    pollUrl: () => addressAfter(addresses.poll, store).href,
    onState: (connection) => store.setConnection(connection),
    ask: () => askWhy(addresses),
    async onSignedOut() {
      const state = await refresh().catch((error) => (error instanceof OtherAccount ? "other" : "nobody"));
      if (state === "same") return socket.open(); // another tab has signed in
      if (state === "nobody" && !hasUnsaved()) return location.assign(addresses.signIn);
      store.setConnection({ state: "signed-out" });
      if (state === "nobody") signInAgain();
    },
    onMessage(message) {
      store.apply(message);
      clearTimeout(quiet);
      quiet = setTimeout(() => store.finishReplay(), REPLAY_QUIET_MS);
      if (message.type !== "hello") return;
      onVersion(message.version);
      if (!message.recovered) reload();
    },
  });
  onSignIn((other) => !other && store.connection.state === "signed-out" && socket.open());
  const reload = latest(
    () => fetchCollections(collections),
    (found) => store.load(found),
    () => socket.reconnect(),
  );
  const first = collections ? null : firstLoad();
  let base = null;
  try {
    const found = first ? await first.loaded : { ...(await fetchCollections(collections)), base };
    base = found.base;
    store.load(found, { kept: base !== null });
  } catch {
    // The socket connects without `since`, so the server answers that it recovered nothing, and all is loaded then
  }
  if (first) keep(store, first.storage, first.owner, base);
  socket.open();
}

/** Keeps the state for the next visit, until somebody else signs in. */
function keep(store, storage, owner, base) {
  const keeper = new Keeper(store, storage, owner, { base });
  onSignIn((other) => other && keeper.forget());
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && keeper.hurry());
}
