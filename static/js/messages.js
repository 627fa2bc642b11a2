/**
 * Reading what the server sends over /notifications. Pure: it knows neither the socket nor the store.
 */

/**
 * @typedef {{type: "Feature", id: string, geometry: object, properties: Record<string, any>}} Feature
 * @typedef {{id: number, name: string, severity: string, url: string}} AreaOfAlert
 * @typedef {{type: "hello", seq: number, epoch: string, recovered: boolean}
 *   | {type: "post_save", seq: number, created: boolean, feature: Feature}
 *   | {type: "post_delete", seq: number, feature: Feature}
 *   | {type: "alert", seq: number, feature: Feature, reason?: string, areas_of_interest: AreaOfAlert[]}
 *   | {type: "heartbeat", seq: number}
 *   | {type: "unknown", seq: number}} Message
 */

const isFeature = (value) =>
  value !== null && typeof value === "object" && value.type === "Feature" &&
  value.properties !== null && typeof value.properties === "object" && Number.isInteger(value.properties.pk);

/** What a message must hold beside a whole-numbered `seq`, by its type. */
const REQUIRED = {
  hello: (message) => typeof message.epoch === "string" && typeof message.recovered === "boolean",
  post_save: (message) => isFeature(message.feature),
  post_delete: (message) => isFeature(message.feature),
  alert: (message) => isFeature(message.feature) && Array.isArray(message.areas_of_interest),
  heartbeat: () => true,
};

/**
 * The message in one text frame, or null when it is none. One of a type that this page does not know (a newer server
 * may have more) becomes `unknown`: it takes its place in the log and means nothing else.
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
  if (!Object.hasOwn(REQUIRED, message.type)) return { type: "unknown", seq: message.seq };
  return REQUIRED[message.type](message) ? message : null;
}
