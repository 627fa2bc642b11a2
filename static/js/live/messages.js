/** Parses the messages that the server sends over /notifications. Pure: it knows neither the socket nor the store. */

/**
 * @typedef {{pk: number, model: string, name: string, severity: string, url: string, created: string, updated: string,
 *   muted_until?: string, muted_by?: string, mute_reason?: string} & Record<string, any>} Properties of an incident or
 *   area; both have more
 * @typedef {import("../base/geojson.js").Geometry} Geometry
 * @typedef {{type: "Feature", id: string, geometry: Geometry, properties: Properties}} Feature of a `post_delete` it
 *   has no geometry, and of the properties only `model` and `pk`
 * @typedef {{id: string, name: string, severity: string, url: string, alert: number, reason: string, muted: boolean,
 *   raised?: string}} AreaOfAlert raised: ISO 8601; an older server does not send it
 * @typedef {{id: number, incident: string, area: string}} AlertPair an alert, with the features it belongs to
 * @typedef {{seq: number, mark?: string}} Place in the log; an entry of an older version has no mark
 * @typedef {Place & ({type: "hello", epoch: string, recovered: boolean, went_back?: boolean, version?: string,
 *   time?: string}
 *   | {type: "post_save", created: boolean, feature: Feature}
 *   | {type: "post_delete", feature: Feature, erased?: boolean}
 *   | {type: "alert", feature: Feature, reason?: string, areas_of_interest: AreaOfAlert[]}
 *   | {type: "alert_cleared", reason: string, alerts: AlertPair[]}
 *   | {type: "alert_acknowledged", alerts: AlertPair[], by: string, at: string, note: string}
 *   | {type: "alert_released", alerts: AlertPair[], by: string, at: string}
 *   | {type: "alert_handed_over", alerts: AlertPair[], by: string, to: string, at: string, note: string}
 *   | {type: "personal_mute", account: number, area: string, until: string | null, since: number}
 *   | {type: "erased"}
 *   | {type: "heartbeat"}
 *   | {type: "unknown"})} Message
 */

const isFeature = (value) =>
  value !== null &&
  typeof value === "object" &&
  value.type === "Feature" &&
  value.properties !== null &&
  typeof value.properties === "object" &&
  Number.isInteger(value.properties.pk);

const isPairs = (value) =>
  Array.isArray(value) && value.every((each) => Number.isInteger(each?.id) && typeof each.incident === "string");

/** The fields that a message needs by its type, beside a whole-numbered `seq`. */
const REQUIRED = {
  hello: (message) => typeof message.epoch === "string" && typeof message.recovered === "boolean",
  post_save: (message) => isFeature(message.feature),
  post_delete: (message) => isFeature(message.feature),
  alert: (message) => isFeature(message.feature) && Array.isArray(message.areas_of_interest),
  alert_cleared: (message) => isPairs(message.alerts),
  alert_acknowledged: (message) => isPairs(message.alerts) && typeof message.by === "string",
  alert_released: (message) => isPairs(message.alerts) && typeof message.by === "string",
  alert_handed_over: (message) => isPairs(message.alerts) && typeof message.to === "string",
  personal_mute: ({ account, area, until, since }) =>
    Number.isInteger(account) &&
    typeof area === "string" &&
    (until === null || typeof until === "string") &&
    Number.isInteger(since),
  erased: () => true,
  heartbeat: () => true,
};

/**
 * Parses the message in one text frame; null if it is not valid. A type that this page does not know, from a newer
 * server, becomes `unknown`: it only advances the position in the log.
 * @param {string} text
 * @returns {Message | null}
 */
export function parseMessage(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  if (message === null || typeof message !== "object" || !Number.isInteger(message.seq)) return null;
  if ("mark" in message && typeof message.mark !== "string") return null;
  const { seq, mark } = message;
  if (!Object.hasOwn(REQUIRED, message.type)) return { type: "unknown", seq, ...(mark && { mark }) };
  return REQUIRED[message.type](message) ? message : null;
}
