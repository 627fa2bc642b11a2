/** A server's /api/notifications, with a log that the tests write, for a `fetch` that never leaves the process. */

import { hello } from "./examples.js";

export class FakeServer {
  /** @type {object[]} */ log = [];
  /** @type {URL[]} what was asked for */ asked = [];
  /** @type {{url: URL, answer: (status: number, lines: object[]) => void, aborted: boolean}[]} */ waiting = [];
  status = 200;
  epoch = "e";
  most = 100; // entries in an answer

  fetch = (address, { signal, cache }) => {
    if (cache !== "no-store") throw new Error("may come from a cache");
    const url = new URL(address);
    this.asked.push(url);
    return new Promise((resolve) => {
      this.waiting.push({
        url,
        get aborted() {
          return signal.aborted;
        },
        answer: (status, lines) => resolve(response(status, lines)),
      });
      this.#serve();
    });
  };

  async save(message) {
    this.log.push(message);
    this.#serve();
  }

  /** Answers the waiting requests, without entries. */
  timeOut() {
    for (const { url, answer } of this.#take())
      answer(200, [
        hello(this.log.length, true, this.epoch),
        { type: "heartbeat", seq: Number(url.searchParams.get("since")) },
      ]);
  }

  /** Answers who waits with the status. */
  fail() {
    for (const { answer } of this.#take()) answer(this.status, []);
  }

  #take() {
    return this.waiting.splice(0).filter(({ aborted }) => !aborted);
  }

  #serve() {
    this.waiting = this.waiting.filter((request) => request.aborted || !this.#answer(request));
  }

  #answer({ url, answer }) {
    const { searchParams } = url;
    const since = Number(searchParams.get("since"));
    const recovered = searchParams.get("epoch") === this.epoch && searchParams.has("since");
    const entries = recovered ? this.log.filter(({ seq }) => seq > since).slice(0, this.most) : [];
    if (recovered && !entries.length && searchParams.get("wait") !== "0" && this.status === 200) return false;
    const found = entries.length ? entries : [{ type: "heartbeat", seq: this.log.length }];
    answer(this.status, [hello(this.log.length, recovered, this.epoch), ...found]);
    return true;
  }
}

/** @param {number} status @param {object[]} messages */
export function response(status, messages) {
  return { status, text: async () => messages.map((message) => `${JSON.stringify(message)}\n`).join("") };
}
