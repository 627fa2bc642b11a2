/** The label with the state of the connection to the server. */

import { t } from "../base/translate.js";

const WORDS = {
  connected: t("Connected"),
  http: t("Connected over HTTP"),
  connecting: t("Connecting…"),
  reconnecting: t("Reconnecting"),
  full: t("Too many pages"),
  offline: t("Offline"),
  "signed-out": t("Signed out"),
};
const EXPLAINED = {
  http: t("This network blocks WebSockets. Changes may come a second later."),
  full: t("Nothing new is shown until one of them is closed."),
};
/** @type {Record<string, (seconds: number) => string>} the words after the state, while it waits */
const COUNTDOWN = {
  reconnecting: (seconds) => t("in %(seconds)s s", { seconds }),
  full: (seconds) => t("retry in %(seconds)s s", { seconds }),
};
const BETWEEN = { full: ", " }; // the state and the words after it, else a space
const TICK_MS = 1_000;

const secondsUntil = (time) => Math.max(1, Math.ceil((time - Date.now()) / 1000));

/**
 * @param {HTMLOutputElement} output gets the state in its text and in data-state
 * @param {import("../live/store.js").Store} store
 */
export function showConnection(output, store) {
  const word = document.createElement("span");
  const countdown = document.createElement("span");
  countdown.ariaHidden = "true"; // a screen reader hears of the state, not of every second
  const label = document.createElement("span");
  label.append(word, countdown);
  output.replaceChildren(label);
  let timer;

  function show() {
    const { state, way, retryAt } = store.connection;
    const said = way === "http" ? way : state;
    output.dataset.state = state;
    output.title = EXPLAINED[said] ?? "";
    if (word.textContent !== WORDS[said]) word.textContent = WORDS[said];
    countdown.textContent = COUNTDOWN[state] ? (BETWEEN[state] ?? " ") + COUNTDOWN[state](secondsUntil(retryAt)) : "";
    clearInterval(timer);
    if (COUNTDOWN[state]) timer = setInterval(show, TICK_MS);
  }

  store.subscribe((change) => change.connection && show());
  show();
}

/**
 * Says over the map why the server has no place for this page, until it has one.
 * @param {ReturnType<typeof import("./notices.js").createNotices>} notices
 * @param {import("../live/store.js").Store} store
 */
export function explainFull({ say }, store) {
  let said = "";
  let withdraw = () => {};
  store.subscribe(({ connection }) => {
    if (!connection) return;
    const reason = store.connection.state === "full" ? (store.connection.reason ?? "") : "";
    if (reason === said) return;
    said = reason;
    withdraw();
    withdraw = reason
      ? say(t("%(reason)s Until then this page shows nothing new.", { reason }), { stay: true })
      : () => {};
  });
}
