/** The label with the state of the connection to the server. */

const WORDS = {
  connected: "Connected",
  http: "Connected over HTTP",
  connecting: "Connecting…",
  reconnecting: "Reconnecting",
  full: "Too many open pages",
  offline: "Offline",
  "signed-out": "Signed out",
};
const EXPLAINED = {
  http: "This network blocks WebSockets. Changes may come a second later.",
  full: "Nothing new is shown until one of them is closed.",
};
const TICK_MS = 1_000;

const secondsUntil = (time) => Math.max(1, Math.ceil((time - Date.now()) / 1000));

/**
 * @param {HTMLOutputElement} output gets the state in its text and in data-state
 * @param {import("../live/store.js").Store} store
 */
export function showConnection(output, store) {
  const word = document.createElement("span");
  const countdown = document.createElement("span");
  countdown.ariaHidden = "true"; // a screen reader announces the state, not every second
  output.replaceChildren(word, countdown);
  let timer;

  function show() {
    const { state, way, retryAt } = store.connection;
    const said = way === "http" ? way : state;
    output.dataset.state = state;
    output.title = EXPLAINED[said] ?? "";
    if (word.textContent !== WORDS[said]) word.textContent = WORDS[said];
    countdown.textContent = state === "reconnecting" ? ` in ${secondsUntil(retryAt)} s` : "";
    clearInterval(timer);
    if (state === "reconnecting") timer = setInterval(show, TICK_MS);
  }

  store.subscribe((change) => change.connection && show());
  show();
}
