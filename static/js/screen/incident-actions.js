/**
 * One press for an incident: close it, reopen it, or confirm or discard an unverified report. A notice says what was
 * done. Other people's changes stay: closing is merged with them. A report that was changed is not confirmed unseen.
 */

import { within } from "../base/addresses.js";
import { call } from "../base/api.js";
import { isolate } from "../base/bidi.js";
import { changedWords, isConflict } from "../base/conflict.js";
import { element } from "../base/elements.js";

/**
 * @typedef {import("../live/messages.js").Feature} Feature
 * @typedef {"close" | "reopen" | "confirm" | "discard"} Act
 * @typedef {(act: Act, incident: Feature) => Promise<void>} Actions it never rejects
 */

const WORDS = { close: "Close", reopen: "Reopen", confirm: "Confirm", discard: "Discard" };
const DONE = { close: "Closed", reopen: "Reopened", confirm: "Confirmed", discard: "Discarded" };
const BACK = /** @type {Record<string, Act>} */ ({ close: "reopen", reopen: "close" });
const GONE = 404;

const MOST = 40; // characters of a name in a notice

/** @param {Feature} incident */
function quoted({ properties: { name } }) {
  const letters = [...name];
  return `“${isolate(letters.length > MOST ? `${letters.slice(0, MOST - 1).join("")}…` : name)}”`;
}

/** What this incident's state allows. @param {Feature} incident @returns {Act[]} */
export const possible = ({ properties: { closed, verified } }) => [
  ...(verified === false ? /** @type {Act[]} */ (["confirm", "discard"]) : []),
  closed ? "reopen" : "close",
];

/** The change of an act, as the API takes it; null for a delete. @param {Act} act @param {string} [version] */
export function changeOf(act, version) {
  if (act === "discard") return null;
  if (act === "confirm") return { type: "Feature", properties: { verified: true } };
  return { type: "Feature", properties: { closed: act === "close", ...(version && { version }) } };
}

/**
 * @param {(sentence: string, options?: {actions?: HTMLElement[]}) => unknown} say shows a notice
 * @param {{send?: typeof call, ask?: (question: string) => boolean}} [how] ask: whether the person agrees
 * @returns {Actions}
 */
export function incidentActions(say, { send = call, ask = (question) => confirm(question) } = {}) {
  /** @type {Actions} */
  async function act(name, incident) {
    const { pk, version } = incident.properties;
    if (name === "discard" && !ask(`Discard the report ${quoted(incident)}? It is deleted for everybody.`)) return;
    const change = changeOf(name, version);
    // so that nobody agrees to a change that they have not seen
    const ifMatch = name === "confirm" || name === "discard" ? version : undefined;
    try {
      const now = await send(change ? "PATCH" : "DELETE", within(`/api/incidents/${pk}/`), change ?? undefined, {
        ifMatch,
      });
      const back = name in BACK && now ? [button(BACK[name], now, act)] : [];
      say(`${DONE[name]} ${quoted(incident)}.`, { actions: back });
    } catch (error) {
      say(problem(error, name, incident));
    }
  }
  return act;
}

function problem(error, name, incident) {
  if (error.status === GONE) return `${quoted(incident)} was deleted.`;
  if (!isConflict(error)) return error.message;
  const [clash] = error.answer.conflicts;
  const who = changedWords(clash ?? { by: null, at: null }, `changed ${quoted(incident)}`);
  return `${who}. Look at it as it is now, and press ${WORDS[name]} again.`;
}

/** @param {Act} name @param {Feature} incident @param {Actions} act */
function button(name, incident, act) {
  const label = `${WORDS[name]} ${quoted(incident)}`;
  const made = element("button", { type: "button", "data-act": name, "aria-label": label }, WORDS[name]);
  made.addEventListener("click", async (event) => {
    event.stopPropagation();
    if (made.getAttribute("aria-disabled") === "true") return;
    made.setAttribute("aria-disabled", "true"); // keeps the focus, which a disabled button would lose
    await act(name, incident);
    made.removeAttribute("aria-disabled");
  });
  return made;
}

/** The buttons of an incident. @param {Feature} incident @param {Actions} act @param {Act[]} [names] by default all */
export const actionButtons = (incident, act, names = possible(incident)) =>
  names.map((name) => button(name, incident, act));
