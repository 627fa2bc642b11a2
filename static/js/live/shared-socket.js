/**
 * One connection to /notifications for all pages of an account in this browser, so that many open tabs cost the server
 * one socket. One page holds the connection, and passes each message on to the others. A Web Lock decides which.
 * Where there are no Web Locks (they need https), each page has its own connection.
 *
 * A page may miss a message, for instance while the browser has frozen it. Then it must load its state. It finds that
 * out by the log entry that the connection had reached before each message.
 */

import { SILENCE_MS, Socket } from "./socket.js";

const LOOK_MS = 5_000; // between two looks of a visible page whether the one with the connection is alive

/**
 * @typedef {import("./socket.js").Options & {name: string, seq: () => number, onGap: () => void}} Options
 *   name: of the lock and the channel; seq: the log entry that this page has handled last; onGap: called when messages
 *   were missed
 * @typedef {{message: import("./messages.js").Message, after: number} | {connection: object, at: number} |
 *   {ask: true} | {signedOut: true}} Letter sent from page to page
 */

export class SharedSocket {
  #options;
  #scope;
  #socket;
  /** @type {BroadcastChannel | null} */ #channel = null;
  /** @type {AbortController | null} of the wait for the lock */ #waiting = null;
  /** @type {(() => void) | null} gives the lock back; null: another page has it */ #release = null;
  #seq = 0; // the log entry that the connection has reached, as far as this page knows
  #connection = { state: "connecting" };
  #heardAt = 0;
  #askedAt = 0;
  #timer;

  /** @param {Options} options */
  constructor({ scope = globalThis, ...options }) {
    this.#options = options;
    this.#scope = scope;
    this.#socket = new Socket({
      ...options,
      scope,
      onMessage: (message) => this.#pass(message),
      onState: (connection) => this.#tell(connection),
      onSignedOut: () => {
        this.#post({ signedOut: true });
        options.onSignedOut();
      },
    });
  }

  open() {
    this.#seq = this.#options.seq();
    const { navigator, BroadcastChannel: Channel } = this.#scope;
    if (!navigator.locks || !Channel) return this.#socket.open();
    if (this.#release) return this.#socket.open(); // after a new sign-in
    if (this.#channel) return;
    this.#channel = new Channel(this.#options.name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    this.#ask();
    this.#wait({});
    this.#timer = this.#scope.setInterval(() => this.#look(), LOOK_MS);
  }

  /** Leaves the connection to another page. */
  close() {
    this.#scope.clearInterval(this.#timer);
    this.#waiting?.abort();
    this.#channel?.close();
    this.#channel = this.#waiting = null;
    this.#socket.close();
    this.#release?.();
    this.#release = null;
  }

  /** @param {{steal?: boolean}} how */
  #wait({ steal = false }) {
    const waiting = new AbortController();
    this.#waiting?.abort();
    this.#waiting = waiting;
    const how = steal ? { steal } : { signal: waiting.signal };
    const lead = () => (waiting.signal.aborted ? undefined : this.#lead());
    this.#scope.navigator.locks.request(this.#options.name, how, lead).catch(() => this.#lost(waiting));
  }

  #lead() {
    this.#socket.open();
    return new Promise((done) => {
      this.#release = () => done(undefined);
    });
  }

  /** Another page has taken the lock, because it did not hear from this one. */
  #lost(waiting) {
    if (waiting !== this.#waiting || !this.#channel) return;
    this.#release = null;
    this.#socket.close();
    this.#heardAt = this.#scope.Date.now();
    this.#wait({});
  }

  /** A page with the connection handles a message, and passes it on. */
  #pass(message) {
    this.#post({ message, after: this.#seq });
    this.#advance(message);
    this.#options.onMessage(message);
  }

  #advance(message) {
    if (message.type === "hello" && !message.recovered) this.#seq = message.seq;
    else if (message.type !== "hello" && message.type !== "heartbeat") this.#seq = Math.max(this.#seq, message.seq);
  }

  #tell(connection) {
    this.#connection = connection;
    this.#post({ connection, at: this.#seq });
    this.#options.onState(connection);
  }

  /** @param {Letter} letter */
  #post(letter) {
    this.#channel?.postMessage(letter);
  }

  /** @param {any} letter */
  #hear(letter) {
    if (letter.ask) return this.#release && this.#post({ connection: this.#connection, at: this.#seq });
    if (this.#release) return; // the page that had the connection before
    this.#heardAt = this.#scope.Date.now();
    if (letter.signedOut) return this.#options.onSignedOut();
    if (letter.connection) return this.#hearState(letter);
    const { message, after } = letter;
    const missed = message.type === "hello" ? !message.recovered : after > this.#seq;
    if (missed) this.#catchUp(after);
    this.#advance(message);
    if (message.type !== "hello") this.#options.onMessage(message);
  }

  #hearState({ connection, at }) {
    this.#connection = connection;
    if (at > this.#seq) this.#catchUp(at);
    this.#options.onState(connection);
  }

  #catchUp(seq) {
    this.#seq = seq;
    this.#options.onGap();
  }

  #ask() {
    this.#askedAt = this.#scope.Date.now();
    this.#post({ ask: true });
  }

  /** Takes the connection over from a page that does not answer: a phone stops those in the background. */
  #look() {
    if (this.#release || this.#scope.document.visibilityState !== "visible") return;
    if (this.#connection.state === "signed-out") return;
    if (this.#askedAt > this.#heardAt) return this.#wait({ steal: true });
    if (this.#scope.Date.now() - this.#heardAt > SILENCE_MS) this.#ask();
  }
}
