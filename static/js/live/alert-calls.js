/** The calls of the API about alerts and mutes. */

import { call } from "../base/api.js";
import { seenUpTo } from "./seen-alerts.js";

/**
 * @typedef {import("./alerts.js").AreaAlert} AreaAlert
 * @typedef {{minutes: number} | {until: string | null}} End of a mute: from now by the server's clock, or in ISO 8601;
 *   null ends it
 * @typedef {ReturnType<typeof alertCalls>} AlertCalls
 */

/** The log entry up to which these alerts are shown. @param {AreaAlert[]} alerts not empty */
const shownUpTo = (alerts) => Math.max(...alerts.map(({ seq, changed }) => Math.max(seq, changed)));

/**
 * @param {{api: string, mayEdit: string}} page mayEdit: "yes", or this person may only read
 * @param {import("./store.js").Store} store
 */
export function alertCalls({ api, mayEdit }, store) {
  const about = (alerts) => ({ alerts: alerts.map(({ id }) => id) });
  /** @type {(alerts: AreaAlert[], note?: string) => Promise<any>} */
  const acknowledge = (alerts, note = "") =>
    call("POST", `${api}alerts/acknowledge/`, { ...about(alerts), note, seen: seenUpTo(alerts) });
  /** @type {(alerts: AreaAlert[]) => Promise<any>} */
  const release = (alerts) => call("POST", `${api}alerts/release/`, { ...about(alerts), seen: shownUpTo(alerts) });
  /** @type {(alerts: AreaAlert[], to: string, note: string) => Promise<any>} */
  const handOver = (alerts, to, note) =>
    call("POST", `${api}alerts/hand_over/`, { ...about(alerts), to, note, seen: shownUpTo(alerts) });
  const mayHandle = mayEdit === "yes";
  return {
    /** @param {number} seq of the newest alert that this person has seen */
    read: (seq) =>
      call("POST", `${api}alerts/read/`, { seq }, { asks: false }).then(
        (answer) => store.read(answer),
        () => {},
      ),
    acknowledge: mayHandle ? acknowledge : null, // null: this person has no right to it
    handling: mayHandle
      ? { release, handOver, names: () => call("GET", `${api}alerts/hand_over/`).then(({ accounts }) => accounts) }
      : null,
    /**
     * Mutes an area, or ends its mute.
     * @param {number} pk of the area @param {"me" | "everybody"} whom @param {End} end @param {string} [reason]
     */
    mute: (pk, whom, end, reason = "") =>
      call("POST", `${api}areas/${pk}/${whom === "me" ? "mute_for_me" : "mute"}/`, { ...end, reason }),
  };
}
