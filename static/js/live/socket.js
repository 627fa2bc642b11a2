/**
 * Keeps one connection to /notifications, and reports its state. The only module that uses WebSocket.
 * Where a WebSocket does not come through, a LongPoll replaces it, and a WebSocket is tried from time to time. The only
 * message that it understands is `hello`, which proves that the connection works.
 */

import { backoff } from "../base/backoff.js";
import { LongPoll } from "./long-poll.js";
import { parseMessage } from "./messages.js";

export const SILENCE_MS = 35_000; // the server sends something at least every 25 s, so this connection is dead
export const CONNECT_MS = 10_000; // where a network drops packets, an attempt would otherwise hang for minutes
export const SESSION_ENDED = 4401; // close code: the session has ended, so connecting again is useless
// How many attempts may fail while HTTP requests succeed, before the transport changes; a restart costs one
export const MAX_REFUSALS = 3;
export const TRIAL_MS = 5 * 60_000; // between two attempts with a WebSocket: a blocked network seldom changes

/**
 * @typedef {"open" | "signed out" | "full" | "unreachable"} Verdict what the server says to a plain request
 * @typedef {{verdict: Verdict, reason?: string}} Answer reason: the server's sentence, if it is full
 *
 * @typedef {object} Options
 * @property {() => string} url where to connect now, with `since`, `mark` and `epoch`
 * @property {() => string} pollUrl the same for plain requests
 * @property {(message: import("./messages.js").Message) => void} onMessage
 * @property {(connection: import("./store.js").Connection) => void} onState
 * @property {() => void} onSignedOut
 * @property {() => Promise<Answer>} ask asked after a refused attempt, since a browser hides the status of a refusal
 * @property {typeof globalThis} [scope] the window; another one in tests
 */

export class Socket {
  #options;
  #scope;
  /** @type {WebSocket | LongPoll | null} */ #link = null;
  /** @type {WebSocket | null} one that is tried while a LongPoll is the link */ #trial = null;
  #attempt = 0;
  #refusals = 0; // of the present transport, in a row
  #polls = false; // whether a LongPoll is the transport
  #full = false; // whether the server refused this page because it has too many connections
  #reason = ""; // the server's sentence about that
  #receivedAt = 0;
  #greeted = false;
  #retryAt = 0;
  #retryTimer;
  #silenceTimer;
  #trialTimer;
  #closed = true;

  /** @param {Options} options */
  constructor({ scope = globalThis, ...options }) {
    this.#options = options;
    this.#scope = scope;
    scope.addEventListener("online", () => this.#online());
    scope.addEventListener("offline", () => this.#closed || this.reconnect());
    scope.document.addEventListener("visibilitychange", () => this.#seen());
  }

  open() {
    this.#closed = false;
    this.#connect();
  }

  /** Closes permanently. */
  close() {
    this.#closed = true;
    this.#drop();
  }

  /** Drops the connection and opens another after a pause. */
  reconnect() {
    this.#drop();
    this.#retryLater();
  }

  #connect() {
    this.#drop();
    if (!this.#full) this.#options.onState({ state: "connecting" });
    this.#expectWithin(CONNECT_MS);
    try {
      this.#use(
        this.#polls
          ? new LongPoll(this.#options.pollUrl(), this.#scope)
          : new this.#scope.WebSocket(this.#options.url()),
      );
    } catch {
      this.#lost(); // a browser without WebSocket, or one that forbids it
    }
  }

  #use(link) {
    this.#link = link;
    link.addEventListener("message", (event) => link === this.#link && this.#receive(event.data));
    link.addEventListener("close", (event) => link === this.#link && this.#lost(event.code));
  }

  #receive(text) {
    this.#receivedAt = this.#scope.Date.now();
    this.#expectWithin(SILENCE_MS);
    const message = parseMessage(text);
    if (!message) return;
    if (message.type === "hello") this.#welcome();
    this.#options.onMessage(message);
  }

  #welcome() {
    this.#greeted = true;
    this.#full = false;
    this.#attempt = 0;
    this.#refusals = 0;
    if (this.#polls) this.#tryLater();
    this.#options.onState({ state: "connected", way: this.#polls ? "http" : "websocket" });
  }

  #lost(code) {
    const refused = !this.#greeted;
    this.#drop();
    if (code === SESSION_ENDED) return this.#signOut();
    this.#retryLater();
    if (refused) this.#findOutWhy();
  }

  async #findOutWhy() {
    const { verdict, reason = "" } = await this.#options.ask();
    if (this.#closed) return;
    if (verdict === "signed out") return this.#signOut();
    this.#full = verdict === "full";
    this.#reason = reason;
    if (this.#full && !this.#link) this.#tellRetry();
    if (verdict === "open" && ++this.#refusals >= MAX_REFUSALS) this.#changeWay();
  }

  #changeWay() {
    this.#refusals = 0;
    this.#polls = !this.#polls;
    if (!this.#link) this.#connect();
  }

  #signOut() {
    this.close();
    this.#options.onSignedOut();
  }

  #retryLater() {
    const wait = backoff(this.#attempt++, this.#scope.Math.random);
    this.#retryAt = this.#scope.Date.now() + wait;
    this.#retryTimer = this.#scope.setTimeout(() => this.#connect(), wait);
    this.#tellRetry();
  }

  #tellRetry() {
    // A browser without a network may still reach a server on its own machine, so it goes on trying.
    const state = this.#scope.navigator.onLine === false ? "offline" : this.#full ? "full" : "reconnecting";
    this.#options.onState({ state, retryAt: this.#retryAt, ...(state === "full" && { reason: this.#reason }) });
  }

  /** Connects at once if it was waiting for the next attempt. */
  #retryNow() {
    if (this.#closed || this.#link) return;
    this.#attempt = 0;
    this.#connect();
  }

  #online() {
    this.#retryNow();
    if (this.#polls && this.#greeted) this.#tryWebSocket(); // the device may have changed its network
  }

  /**
   * Checks the connection when the page becomes visible. Timers may have slept, so the silence is measured by the
   * clock.
   */
  #seen() {
    if (this.#scope.document.visibilityState !== "visible") return;
    if (this.#greeted && this.#link && this.#scope.Date.now() - this.#receivedAt > SILENCE_MS) this.#drop();
    this.#retryNow();
  }

  #tryLater() {
    this.#scope.clearTimeout(this.#trialTimer);
    this.#trialTimer = this.#scope.setTimeout(() => this.#tryWebSocket(), TRIAL_MS);
  }

  /** Opens a WebSocket beside the LongPoll. The LongPoll stays in use until the WebSocket has received `hello`. */
  #tryWebSocket() {
    this.#tryLater();
    this.#trial?.close();
    const trial = new this.#scope.WebSocket(this.#options.url());
    this.#trial = trial;
    trial.addEventListener("message", (event) => trial === this.#trial && this.#takeOver(event.data));
  }

  #takeOver(greeting) {
    const trial = this.#trial;
    this.#trial = null;
    this.#drop();
    this.#polls = false;
    this.#use(trial);
    this.#receive(greeting);
  }

  #expectWithin(milliseconds) {
    this.#scope.clearTimeout(this.#silenceTimer);
    this.#silenceTimer = this.#scope.setTimeout(() => this.#lost(), milliseconds);
  }

  #drop() {
    for (const timer of [this.#retryTimer, this.#silenceTimer, this.#trialTimer]) this.#scope.clearTimeout(timer);
    const ended = [this.#link, this.#trial];
    this.#link = this.#trial = null;
    this.#greeted = false;
    for (const link of ended) link?.close();
  }
}
