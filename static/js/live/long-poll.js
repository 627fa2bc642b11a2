/**
 * Follows the log by HTTP requests where a WebSocket does not come through.
 * The requests follow each other on one cursor. The server answers each when there are new entries, or after WAIT_S.
 * The class has the interface of a WebSocket: the events "message" and "close", and close().
 */

export const WAIT_S = 25;
export const PAUSE_MS = 1_000; // after an answer, so that a burst costs at most one request a second
const SESSION_ENDED = 4401; // the close codes of a WebSocket
const LOST = 1006;

class Refused extends Error {
  /** @param {number} code */
  constructor(code) {
    super(`refused with ${code}`);
    this.code = code;
  }
}

export class LongPoll extends EventTarget {
  #url;
  #scope;
  #leaving = new AbortController();
  #version = null; // of the server that has greeted this page; another one greets it anew

  /**
   * @param {string} address with `since`, `mark` and `epoch`
   * @param {typeof globalThis} [scope] the window; another one in tests
   */
  constructor(address, scope = globalThis) {
    super();
    this.#url = new URL(address);
    this.#scope = scope;
    this.#follow();
  }

  /** Ends it. Nothing is dispatched any more. */
  close() {
    this.#leaving.abort();
  }

  async #follow() {
    try {
      // The server answers this one at once: the hello message shows that the connection works
      let behind = await this.#ask(0);
      while (!this.#leaving.signal.aborted) behind = await this.#ask(behind ? 0 : WAIT_S);
    } catch (error) {
      if (!this.#leaving.signal.aborted)
        this.dispatchEvent(Object.assign(new Event("close"), { code: error.code ?? LOST }));
    }
  }

  /** Sends one request and dispatches the messages of its answer. Returns whether more entries are ready. */
  async #ask(wait) {
    const { signal } = this.#leaving;
    this.#url.searchParams.set("wait", String(wait));
    // Without "no-store" a browser sends requests for one address one at a time, whatever tab they are of.
    const response = await this.#scope.fetch(this.#url.href, { cache: "no-store", redirect: "manual", signal });
    if (response.status !== 200) throw new Refused(response.status === 401 ? SESSION_ENDED : LOST);
    // A proxy may cut an answer: an unfinished line is dropped
    const lines = (await response.text()).split("\n").slice(0, -1);
    const behind = this.#take(lines);
    if (wait && !signal.aborted) await new Promise((done) => this.#scope.setTimeout(done, PAUSE_MS));
    return behind;
  }

  #take(lines) {
    const [hello, ...messages] = lines.map((line) => JSON.parse(line));
    if (hello?.type !== "hello") throw new Refused(LOST); // a proxy's own page
    if (hello.version !== this.#version || !hello.recovered) this.#say(lines[0]);
    this.#version = hello.version;
    if (!hello.recovered) this.#moveTo(hello, hello.epoch);
    let { seq } = hello;
    messages.forEach((message, index) => {
      this.#say(lines[index + 1]);
      if (message.type === "heartbeat") return;
      this.#moveTo(message, hello.epoch);
      seq = message.seq;
    });
    return seq < hello.seq;
  }

  #moveTo({ seq, mark }, epoch) {
    const { searchParams } = this.#url;
    searchParams.set("since", String(seq));
    searchParams.set("epoch", epoch);
    if (mark) searchParams.set("mark", mark);
    else searchParams.delete("mark"); // an entry of an older version has none
  }

  #say(data) {
    if (!this.#leaving.signal.aborted) this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }
}
