/**
 * One press for an incident: close it, reopen it, or confirm or discard an unverified report. A notice says what was
 * done. Other people's changes stay: closing is merged with them. A report that was changed is not confirmed unseen.
 */

import { within } from "../base/addresses.js";
import { call } from "../base/api.js";
import { isolate } from "../base/bidi.js";
import { isConflict } from "../base/conflict.js";
import { element } from "../base/elements.js";
import { t } from "../base/translate.js";

/**
 * @typedef {import("../live/messages.js").Feature} Feature
 * @typedef {"close" | "reopen" | "confirm" | "discard"} Act
 * @typedef {(act: Act, incident: Feature) => Promise<void>} Actions it never rejects
 */

const WORDS = { close: t("Close"), reopen: t("Reopen"), confirm: t("Confirm"), discard: t("Discard") };
const LABELS = {
  close: (name) => t("Close “%(name)s”", { name }),
  reopen: (name) => t("Reopen “%(name)s”", { name }),
  confirm: (name) => t("Confirm “%(name)s”", { name }),
  discard: (name) => t("Discard “%(name)s”", { name }),
};
const DONE = {
  close: (name) => t("Closed “%(name)s”.", { name }),
  reopen: (name) => t("Reopened “%(name)s”.", { name }),
  confirm: (name) => t("Confirmed “%(name)s”.", { name }),
  discard: (name) => t("Discarded “%(name)s”.", { name }),
};
const BACK = /** @type {Record<string, Act>} */ ({ close: "reopen", reopen: "close" });
const GONE = 404;

const MOST = 40; // characters of a name in a notice

/** @param {Feature} incident */
function nameOf({ properties: { name } }) {
  const letters = [...name];
  return isolate(letters.length > MOST ? `${letters.slice(0, MOST - 1).join("")}…` : name);
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
    const question = t("Discard the report “%(name)s”? It is deleted for everybody.", { name: nameOf(incident) });
    if (name === "discard" && !ask(question)) return;
    const change = changeOf(name, version);
    // so that nobody agrees to a change that they have not seen
    const ifMatch = name === "confirm" || name === "discard" ? version : undefined;
    try {
      const now = await send(change ? "PATCH" : "DELETE", within(`/api/incidents/${pk}/`), change ?? undefined, {
        ifMatch,
      });
      const back = name in BACK && now ? [button(BACK[name], now, act)] : [];
      say(DONE[name](nameOf(incident)), { actions: back });
    } catch (error) {
      say(problem(error, incident));
    }
  }
  return act;
}

function problem(error, incident) {
  const name = nameOf(incident);
  if (error.status === GONE) return t("“%(name)s” was deleted.", { name });
  if (!isConflict(error)) return error.message;
  const by = error.answer.conflicts[0]?.by;
  return by
    ? t("%(by)s has changed “%(name)s” since. Look at it again, then choose.", { by: isolate(by), name })
    : t("Somebody has changed “%(name)s” since. Look at it again, then choose.", { name });
}

/** @param {Act} name @param {Feature} incident @param {Actions} act */
function button(name, incident, act) {
  const label = LABELS[name](nameOf(incident));
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
