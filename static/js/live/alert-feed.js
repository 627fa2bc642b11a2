/**
 * Follows the alerts on a page without a map. It begins at the log entry at which the page was made. When an alert
 * changes for the first time, it asks for all open ones. So a page costs no request until something happens.
 */

import { ownName } from "../base/addresses.js";
import { mine, onSignIn, OtherAccount, refresh } from "../base/session.js";
import { SharedSocket } from "./shared-socket.js";
import { fetchJSON } from "./first-load.js";
import { addressAfter, askWhy, latest, socketAddress } from "./sync.js";

const REPLAY_QUIET_MS = 1_000; // a replay without its last entry ends after this much silence
const RETRY_MS = 5_000; // after a failed request for the alerts

/**
 * @typedef {{seq: number, mark?: string, epoch: string, unread: number, unacknowledged: number, read_seq: number,
 *   account?: number, account_name?: string, personal_mutes?: import("./alerts.js").PersonalMute[]}} Place
 *   where the page begins
 * @typedef {{alerts: string, notifications: string, poll: string}} Addresses
 */

/** @param {Place & {alerts?: object[]}} answer */
function only({ alerts = [], ...place }) {
  const { seq, mark, epoch } = place;
  const nothing = { features: [], seq, mark, epoch };
  return { incidents: nothing, areas: nothing, alerts: { ...place, alerts } };
}

const isAboutAlerts = ({ type }) => type.startsWith("alert") || type === "personal_mute";

/**
 * @param {import("./store.js").Store} store one that holds only alerts
 * @param {Addresses} addresses
 * @param {Place} place
 */
export function followAlerts(store, addresses, place) {
  let complete = false;
  let quiet;
  store.load(only(place));

  function load() {
    complete = true;
    store.hold();
    reload();
  }
  const reload = latest(
    () => fetchJSON(addresses.alerts),
    (answer) => store.load(only(answer)),
    () => setTimeout(reload, RETRY_MS),
  );
  const socket = new SharedSocket({
    name: ownName(`socket of ${mine().user}`),
    seq: () => store.seq ?? 0,
    url: () => socketAddress(addresses, store),
    pollUrl: () => addressAfter(addresses.poll, store).href,
    ask: () => askWhy(addresses),
    onState: (connection) => store.setConnection(connection),
    async onSignedOut() {
      const state = await refresh().catch((error) => (error instanceof OtherAccount ? "other" : "nobody"));
      if (state === "same") return socket.open(); // another tab has signed in
      store.setConnection({ state: "signed-out" });
    },
    onGap: load,
    onMessage(message) {
      if (!complete && isAboutAlerts(message)) load();
      store.apply(message);
      clearTimeout(quiet);
      quiet = setTimeout(() => store.finishReplay(), REPLAY_QUIET_MS);
      if (message.type === "hello" && !message.recovered) load();
    },
  });
  onSignIn((other) => !other && store.connection.state === "signed-out" && socket.open());
  addEventListener("pagehide", () => socket.close()); // a page with a socket can't be kept for Back
  addEventListener("pageshow", ({ persisted }) => persisted && socket.open());
  socket.open();
}
