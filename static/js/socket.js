/**
 * The only module that knows WebSocket: keeps one connection to /notifications, and tells the truth about it.
 * It does not know what the messages mean, beyond that a `hello` is the proof of a working link.
 */

import { backoff } from "./backoff.js";
import { parseMessage } from "./messages.js";

export const SILENCE_MS = 35_000; // the server speaks at least every 25 s, so this is a dead link
export const CONNECT_MS = 10_000; // a network that swallows packets would let an attempt hang for minutes
export const SESSION_ENDED = 4401; // close code: this session is over, connecting again is no use

/**
 * @typedef {object} Options
 * @property {() => string} url where to connect now, with `since` and `epoch`
 * @property {(message: import("./messages.js").Message) => void} onMessage
 * @property {(connection: import("./store.js").Connection) => void} onState
 * @property {() => void} onSignedOut
 * @property {() => Promise<boolean>} signedIn asked after a refused attempt, since a browser hides the status of a refusal
 * @property {typeof globalThis} [scope] the window; another one in tests
 */

export class Socket {
  #options;
  #scope;
  #webSocket = null;
  #attempt = 0;
  #heardAt = 0;
  #greeted = false;
  #retryTimer;
  #silenceTimer;
  #closed = true;

  /** @param {Options} options */
  constructor({ scope = globalThis, ...options }) {
    this.#options = options;
    this.#scope = scope;
    scope.addEventListener("online", () => this.#retryNow());
    scope.addEventListener("offline", () => this.#closed || this.reconnect());
    scope.document.addEventListener("visibilitychange", () => this.#seen());
  }

  open() {
    this.#closed = false;
    this.#connect();
  }

  /** Closes for good. */
  close() {
    this.#closed = true;
    this.#drop();
  }

  /** Gives up this link and tries another after a wait. */
  reconnect() {
    this.#drop();
    this.#retryLater();
  }

  #connect() {
    this.#drop();
    this.#greeted = false;
    this.#options.onState({ state: "connecting" });
    const webSocket = new this.#scope.WebSocket(this.#options.url());
    this.#webSocket = webSocket;
    this.#expectWithin(CONNECT_MS);
    webSocket.addEventListener("message", (event) => webSocket === this.#webSocket && this.#receive(event.data));
    webSocket.addEventListener("close", (event) => webSocket === this.#webSocket && this.#lost(event.code));
  }

  #receive(text) {
    this.#heardAt = this.#scope.Date.now();
    this.#expectWithin(SILENCE_MS);
    const message = parseMessage(text);
    if (!message) return;
    if (message.type === "hello") {
      this.#greeted = true;
      this.#attempt = 0;
      this.#options.onState({ state: "connected" });
    }
    this.#options.onMessage(message);
  }

  async #lost(code) {
    const refused = !this.#greeted;
    this.#drop();
    if (code === SESSION_ENDED) return this.#signOut();
    this.#retryLater();
    if (refused && !(await this.#options.signedIn())) this.#signOut();
  }

  #signOut() {
    this.close();
    this.#options.onSignedOut();
  }

  #retryLater() {
    const wait = backoff(this.#attempt++, this.#scope.Math.random);
    // A browser without a network may still reach a server on its own machine, so it goes on trying.
    const state = this.#scope.navigator.onLine === false ? "offline" : "reconnecting";
    this.#options.onState({ state, retryAt: this.#scope.Date.now() + wait });
    this.#retryTimer = this.#scope.setTimeout(() => this.#connect(), wait);
  }

  /** Connects at once if it was only waiting to. */
  #retryNow() {
    if (this.#closed || this.#webSocket) return;
    this.#attempt = 0;
    this.#connect();
  }

  /** The page is looked at again: timers may have slept, so silence is measured by the clock. */
  #seen() {
    if (this.#scope.document.visibilityState !== "visible") return;
    if (this.#greeted && this.#webSocket && this.#scope.Date.now() - this.#heardAt > SILENCE_MS) this.#drop();
    this.#retryNow();
  }

  #expectWithin(milliseconds) {
    this.#scope.clearTimeout(this.#silenceTimer);
    this.#silenceTimer = this.#scope.setTimeout(() => this.reconnect(), milliseconds);
  }

  #drop() {
    this.#scope.clearTimeout(this.#retryTimer);
    this.#scope.clearTimeout(this.#silenceTimer);
    const webSocket = this.#webSocket;
    this.#webSocket = null;
    webSocket?.close();
  }
}
