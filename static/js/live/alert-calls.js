/** The calls of the API about alerts. */

import { call } from "../base/api.js";
import { seenUpTo } from "./seen-alerts.js";

/**
 * @param {{api: string, mayEdit: string}} page mayEdit: "yes", or this person may only read
 * @param {import("./store.js").Store} store
 */
export function alertCalls({ api, mayEdit }, store) {
  return {
    /** @param {number} seq of the newest alert that this person has seen */
    read: (seq) =>
      call("POST", `${api}alerts/read/`, { seq }, { asks: false }).then(
        (answer) => store.read(answer),
        () => {},
      ),
    /** @type {((alerts: import("./alerts.js").AreaAlert[], note?: string) => Promise<any>) | null} */
    acknowledge:
      mayEdit === "yes"
        ? (alerts, note = "") =>
            call("POST", `${api}alerts/acknowledge/`, {
              alerts: alerts.map(({ id }) => id),
              note,
              seen: seenUpTo(alerts),
            })
        : null,
  };
}
