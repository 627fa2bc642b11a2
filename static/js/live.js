/**
 * Keeps a store true to the server: loads the two collections and the open alerts, then follows the log from where they were read,
 * and loads anew when the log cannot be followed.
 */

import { onSignIn, OtherAccount, refresh } from "./session.js";
import { signInAgain } from "./sign-in-again.js";
import { Socket } from "./socket.js";
import { hasUnsaved } from "./unsaved.js";

const REPLAY_QUIET_MS = 1_000; // a catching-up that ends without its last entry is over after this much silence

/** @typedef {{incidents: string, areas: string, alerts: string, notifications: string, signIn: string}} Addresses */

/** @param {string} address @returns {Promise<any>} */
export async function fetchJSON(address) {
  const response = await fetch(address, { headers: { Accept: "application/geo+json, application/json" } });
  if (!response.ok || response.redirected) throw new Error(`${address}: ${response.status}`);
  return response.json();
}

/** @param {Addresses} addresses */
async function fetchCollections(addresses) {
  const [incidents, areas, alerts] = await Promise.all([addresses.incidents, addresses.areas, addresses.alerts].map(fetchJSON));
  return { incidents, areas, alerts };
}

/** Whether the server still takes this session. A server that does not answer leaves that open, so yes. */
async function signedIn(addresses) {
  try {
    const response = await fetch(addresses.notifications, { redirect: "manual" });
    return response.status !== 401 && response.type !== "opaqueredirect";
  } catch {
    return true;
  }
}

/** @param {Addresses} addresses @param {import("./store.js").Store} store */
function socketAddress(addresses, store) {
  const url = new URL(addresses.notifications, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  if (store.seq !== null) url.searchParams.set("since", String(store.seq));
  if (store.epoch !== null) url.searchParams.set("epoch", store.epoch);
  return url.href;
}

/**
 * Returns a function that asks and takes the answer, or gives up. When it is called again before the answer has come, because the
 * link broke and came back meanwhile, only the newest call counts: an older answer would turn the store back.
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
 * Starts, and goes on until the page is left.
 * @param {import("./store.js").Store} store
 * @param {Addresses} addresses
 */
export async function follow(store, addresses) {
  let quiet;
  const socket = new Socket({
    url: () => socketAddress(addresses, store),
    onState: (connection) => store.setConnection(connection),
    signedIn: () => signedIn(addresses),
    async onSignedOut() {
      const state = await refresh().catch((error) => (error instanceof OtherAccount ? "other" : "nobody"));
      if (state === "same") return socket.open(); // by another tab
      if (state === "nobody" && !hasUnsaved()) return location.assign(addresses.signIn);
      store.setConnection({ state: "signed-out" });
      if (state === "nobody") signInAgain();
    },
    onMessage(message) {
      store.apply(message);
      clearTimeout(quiet);
      quiet = setTimeout(() => store.finishReplay(), REPLAY_QUIET_MS);
      if (message.type === "hello" && !message.recovered) reload();
    },
  });
  onSignIn((other) => !other && store.connection.state === "signed-out" && socket.open());
  const reload = latest(
    () => fetchCollections(addresses),
    (found) => store.load(found),
    () => socket.reconnect(),
  );
  try {
    store.load(await fetchCollections(addresses));
  } catch {
    // The socket says without `since` that it recovers nothing, and that loads the collections.
  }
  socket.open();
}
