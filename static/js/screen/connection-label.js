/** The label with the state of the connection to the server. */

const WORDS = {
  connected: "Connected",
  http: "Connected over HTTP",
  connecting: "Connecting…",
  reconnecting: "Reconnecting",
  full: "Too many pages",
  offline: "Offline",
  "signed-out": "Signed out",
};
const EXPLAINED = {
  http: "This network blocks WebSockets. Changes may come a second later.",
  full: "Nothing new is shown until one of them is closed.",
};
const COUNTDOWN = { reconnecting: " in", full: ", retry in" }; // the words before the seconds
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
    countdown.textContent = COUNTDOWN[state] ? `${COUNTDOWN[state]} ${secondsUntil(retryAt)} s` : "";
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
    withdraw = reason ? say(`${reason} Until then this page shows nothing new.`, { stay: true }) : () => {};
  });
}
