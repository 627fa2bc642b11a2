/** Shows the reports that this device keeps, and keeps trying to send them. */

import { agoWords } from "../base/relative-time.js";
import { t } from "../base/translate.js";
import { backoff } from "../base/backoff.js";
import { element } from "../base/elements.js";

const FIRST_WAITS = 2; // attempts that the backoff skips: a network seldom returns within a second

/** @typedef {import("./outbox.js").Outbox} Outbox */
/** @typedef {import("./outbox.js").Entry} Entry */

const WAITING = t("Waiting for the network");

/** The state of a report in words. @param {Entry} entry */
function stateWords({ state, note, number, error, problems }) {
  const why = [error, ...Object.values(problems ?? {})].filter(Boolean).join(" ");
  if (state === "refused") return t("Refused: %(why)s", { why });
  if (state === "sent")
    return [number ? t("Sent, number %(number)s.", { number }) : t("Sent."), note].filter(Boolean).join(" ");
  return error && error !== t("No network.") ? `${WAITING}: ${error}` : WAITING;
}

/**
 * @param {Entry} entry
 * @param {number} age ms
 * @param {{onEdit: (entry: Entry) => void, onRemove: (key: string) => void}} actions
 */
function row(entry, age, { onEdit, onRemove }) {
  const button = (text, act) => {
    const made = element("button", { type: "button" }, text);
    made.addEventListener("click", act);
    return made;
  };
  const done = entry.state === "sent";
  return element(
    "li",
    { "data-state": entry.state },
    element("p", { class: "name" }, entry.name),
    element("p", { class: "state-words" }, stateWords(entry)),
    element(
      "p",
      { class: "hint" },
      t("Written %(ago)s", { ago: agoWords(new Date(Date.now() - age).toISOString(), Date.now()) }),
    ),
    element(
      "p",
      { class: "form-actions" },
      ...(entry.state === "refused" ? [button(t("Correct"), () => onEdit(entry))] : []),
      button(done ? t("Remove") : t("Discard"), () => onRemove(entry.key)),
    ),
  );
}

/**
 * @param {HTMLElement} section has a list and a place for a note; hidden while both are empty
 * @param {Outbox} queue
 * @param {(entry: Entry) => void} onEdit called when the person corrects a refused report; the queue no longer has it
 *   then
 */
export function showOutbox(section, queue, onEdit) {
  const actions = {
    onRemove(key) {
      if (queue.get(key)?.state === "sent" || confirm(t("Discard this report? It has not been sent.")))
        queue.remove(key);
    },
    onEdit(entry) {
      queue.remove(entry.key);
      onEdit(entry);
    },
  };
  function show() {
    const entries = queue.entries();
    section.querySelector("ul").replaceChildren(...entries.map((entry) => row(entry, queue.age(entry), actions)));
    section.querySelector(".hint").textContent = queue.atRisk
      ? t("This browser can keep nothing. Leave this page open until they are sent.")
      : t("Waiting reports are sent when this page is open and the network is back.");
    section.querySelector(".hint").hidden = queue.waiting.length === 0;
    section.hidden = entries.length === 0;
  }
  queue.subscribe(show);
  queue.tidy();
  show();
}

/**
 * Sends the waiting reports: now, when the network or the page returns, and at intervals.
 * @param {Outbox} queue
 */
export function keepSending(queue) {
  let attempt = 0;
  let timer = 0;
  async function attemptNow() {
    clearTimeout(timer);
    if (queue.waiting.length > 0) await queue.flush();
    later();
  }
  function later() {
    clearTimeout(timer);
    attempt = queue.waiting.length > 0 ? attempt + 1 : 0;
    if (attempt > 0) timer = setTimeout(attemptNow, backoff(attempt + FIRST_WAITS));
  }
  const afresh = () => {
    attempt = 0;
    attemptNow();
  };
  addEventListener("online", afresh);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && afresh());
  addEventListener("storage", later); // another tab has kept or sent one
  attemptNow();
  return { later };
}
