import "../published.js";
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { SharedSocket } from "../../../static/js/live/shared-socket.js";

const HELLO = { type: "hello", seq: 5, epoch: "e", recovered: true };
const saved = (seq) => ({ type: "unknown", seq });

/** One browser: its locks, its channels and its sockets. */
class Browser {
  /** @type {{lead: () => any, end: (error: Error) => void, signal?: AbortSignal}[]} */ queue = [];
  held = null;
  channels = new Set();
  sockets = [];

  request(_name, { signal, steal = false }, lead) {
    return new Promise((resolve, reject) => {
      const wanted = { lead, end: reject, resolve };
      signal?.addEventListener("abort", () => {
        if (this.held === wanted) return;
        this.queue = this.queue.filter((each) => each !== wanted);
        reject(new Error("aborted"));
      });
      if (steal) {
        this.held?.end(new Error("stolen"));
        this.held = null;
        this.queue.unshift(wanted);
      } else this.queue.push(wanted);
      this.next();
    });
  }

  next() {
    if (this.held || this.queue.length === 0) return;
    const wanted = this.queue.shift();
    this.held = wanted;
    Promise.resolve(wanted.lead()).then(() => {
      if (this.held !== wanted) return;
      this.held = null;
      wanted.resolve();
      this.next();
    });
  }

  /** A page's window. */
  window({ locks = true } = {}) {
    const browser = this;
    class WebSocket extends EventTarget {
      constructor(url) {
        super();
        this.url = url;
        browser.sockets.push(this);
      }
      close() {
        this.closed = true;
      }
    }
    class BroadcastChannel {
      constructor() {
        browser.channels.add(this);
      }
      postMessage(data) {
        for (const other of browser.channels) if (other !== this) other.onmessage?.({ data: structuredClone(data) });
      }
      close() {
        browser.channels.delete(this);
      }
    }
    return Object.assign(new EventTarget(), {
      WebSocket,
      BroadcastChannel,
      document: Object.assign(new EventTarget(), { visibilityState: "visible" }),
      navigator: { onLine: true, locks: locks ? { request: (...how) => browser.request(...how) } : undefined },
      Math: { random: () => 0 },
      Date,
      setTimeout: (...how) => setTimeout(...how),
      clearTimeout: (timer) => clearTimeout(timer),
      setInterval: (...how) => setInterval(...how),
      clearInterval: (timer) => clearInterval(timer),
    });
  }

  get open() {
    return this.sockets.filter(({ closed }) => !closed);
  }

  say(message) {
    const event = Object.assign(new Event("message"), { data: JSON.stringify(message) });
    for (const socket of this.open) socket.dispatchEvent(event);
  }
}

/** A page whose state is at this log entry. */
function page(browser, seq, window = browser.window()) {
  const found = { seq, messages: [], gaps: 0, state: null, signedOut: 0, scope: window };
  found.socket = new SharedSocket({
    scope: /** @type {any} */ (window),
    name: "socket of ada",
    seq: () => found.seq,
    url: () => `ws://localhost/notifications?since=${found.seq}`,
    pollUrl: () => "http://localhost/api/notifications",
    ask: async () => ({ verdict: "open" }),
    onMessage(message) {
      found.messages.push(message.seq);
      if (message.type === "unknown") found.seq = message.seq;
    },
    onState: ({ state }) => {
      found.state = state;
    },
    onSignedOut: () => {
      found.signedOut += 1;
    },
    onGap: () => {
      found.gaps += 1;
    },
  });
  found.socket.open();
  return found;
}

const settle = async () => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

let browser;
beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: Date.UTC(2030, 0) });
  browser = new Browser();
});

test("thirty pages have one socket, and each hears each message once", async () => {
  const pages = Array.from({ length: 30 }, () => page(browser, 5));
  browser.say(HELLO);
  browser.say(saved(6));
  assert.equal(browser.open.length, 1);
  for (const { messages, state, gaps } of pages) assert.deepEqual([messages.at(-1), state, gaps], [6, "connected", 0]);
});

test("when the page with the socket is left, another one goes on from its own place", async () => {
  const [first, second] = [page(browser, 5), page(browser, 5)];
  browser.say(HELLO);
  browser.say(saved(6));
  first.socket.close();
  await settle();
  assert.equal(browser.open.length, 1);
  assert.match(browser.open[0].url, /since=6$/);
  browser.say(HELLO);
  browser.say(saved(7));
  assert.deepEqual(second.messages.slice(-1), [7]);
  assert.deepEqual(first.messages.slice(-1), [6]);
});

test("a page that is older than the connection loads its state", () => {
  const first = page(browser, 5);
  browser.say(HELLO);
  browser.say(saved(6));
  const late = page(browser, 5); // it was made before entry 6, and listens only now
  assert.equal(late.gaps, 1);
  browser.say(saved(7));
  assert.deepEqual([late.messages, late.gaps, first.gaps], [[7], 1, 0]);
});

test("a page that is newer than the connection takes what is new to it", () => {
  page(browser, 5);
  browser.say(HELLO);
  const late = page(browser, 8);
  browser.say(saved(6));
  assert.deepEqual([late.gaps, late.messages], [0, [6]], "its store ignores what it has");
});

test("a message that a frozen page has missed is found out by the next one", () => {
  page(browser, 5);
  const frozen = page(browser, 5);
  browser.say(HELLO);
  const [channel] = [...browser.channels].slice(-1);
  browser.channels.delete(channel);
  browser.say(saved(6));
  browser.channels.add(channel);
  browser.say(saved(7));
  assert.deepEqual([frozen.gaps, frozen.messages], [1, [7]]);
});

test("when the log has a gap, all pages load their state", () => {
  const [first, second] = [page(browser, 5), page(browser, 5)];
  browser.say({ ...HELLO, seq: 90, recovered: false });
  assert.equal(second.gaps, 1);
  assert.deepEqual(first.messages, [90], "the page with the socket sees it in the hello message");
  browser.say(saved(91));
  assert.equal(second.gaps, 1);
});

test("a visible page takes the socket from one that has stopped", async () => {
  const stopped = page(browser, 5);
  const visible = page(browser, 5);
  browser.say(HELLO);
  const [channel] = browser.channels;
  browser.channels.delete(channel); // a phone has stopped it: it neither hears nor says anything
  stopped.scope.document.visibilityState = "hidden";
  for (let second = 0; second < 60; second += 1) {
    mock.timers.tick(1_000);
    await settle();
  }
  browser.channels.add(channel);
  const before = visible.messages.length;
  browser.say(HELLO);
  browser.say(saved(6));
  assert.equal(browser.open.length, 1);
  assert.ok(visible.messages.length > before);
});

test("a hidden page takes nothing, and a page with the socket that answers keeps it", async () => {
  const first = page(browser, 5);
  const other = page(browser, 5);
  browser.say(HELLO);
  const [socket] = browser.open;
  for (let second = 0; second < 120; second += 1) {
    if (second % 25 === 0) browser.say({ type: "heartbeat", seq: 5 });
    mock.timers.tick(1_000);
    await settle();
  }
  assert.deepEqual(browser.open, [socket]);
  assert.deepEqual([first.gaps, other.gaps], [0, 0]);
});

test("the end of the session reaches all pages, and a new sign-in connects them again", () => {
  const [first, second] = [page(browser, 5), page(browser, 5)];
  browser.say(HELLO);
  browser.open[0].dispatchEvent(Object.assign(new Event("close"), { code: 4401 }));
  assert.deepEqual([first.signedOut, second.signedOut], [1, 1]);
  first.socket.open();
  browser.say(HELLO);
  assert.deepEqual([browser.open.length, second.state], [1, "connected"]);
});

test("a page that comes back from the browser's cache waits for the lock again", async () => {
  const [first, second] = [page(browser, 5), page(browser, 5)];
  browser.say(HELLO);
  first.socket.close();
  await settle();
  browser.say(HELLO);
  browser.say(saved(6));
  first.socket.open();
  assert.deepEqual([browser.open.length, first.gaps], [1, 1]);
  assert.equal(second.messages.at(-1), 6);
});

test("without Web Locks each page has a socket of its own", () => {
  for (let number = 0; number < 3; number += 1) page(browser, 5, browser.window({ locks: false }));
  assert.equal(browser.open.length, 3);
});
