import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { CONNECT_MS, SESSION_ENDED, SILENCE_MS, Socket } from "../../static/js/socket.js";
import { hello, incident, saved } from "./examples.js";

const START = 1_000_000;

class FakeWebSocket extends EventTarget {
  static all = [];
  closed = false;

  constructor(url) {
    super();
    this.url = url;
    FakeWebSocket.all.push(this);
  }

  close() {
    this.closed = true;
  }

  say(message) {
    this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(message) }));
  }

  end(code = 1006) {
    this.dispatchEvent(Object.assign(new Event("close"), { code }));
  }
}

/** A window with a document, a network that can be cut, and chance that always chooses the shortest wait. */
function fakeScope() {
  return Object.assign(new EventTarget(), {
    WebSocket: FakeWebSocket,
    document: Object.assign(new EventTarget(), { visibilityState: "visible" }),
    navigator: { onLine: true },
    Math: { random: () => 0 },
    Date,
    setTimeout: (...args) => setTimeout(...args),
    clearTimeout: (...args) => clearTimeout(...args),
  });
}

/** A socket just opened, with what it has told. */
function opened({ signedIn = true } = {}) {
  const told = { messages: [], states: [], signedOut: 0 };
  const scope = fakeScope();
  const socket = new Socket({
    scope,
    url: () => "ws://here/notifications",
    onMessage: (message) => told.messages.push(message),
    onState: ({ state }) => told.states.push(state),
    onSignedOut: () => (told.signedOut += 1),
    signedIn: async () => signedIn,
  });
  socket.open();
  return { socket, scope, told };
}

const newest = () => FakeWebSocket.all.at(-1);
const settled = () => new Promise((done) => setImmediate(done));

beforeEach(() => {
  FakeWebSocket.all = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: START });
});

test("connected is said only after the server has said hello", () => {
  const { told } = opened();
  assert.deepEqual(told.states, ["connecting"]);
  newest().say(hello(1));
  newest().say(saved(2, incident(1)));
  assert.deepEqual(told.states, ["connecting", "connected"]);
  assert.deepEqual(told.messages.map(({ type }) => type), ["hello", "post_save"]);
});

test("a lost connection is tried again after a wait", () => {
  const { told } = opened();
  newest().say(hello(1));
  newest().end();
  assert.equal(told.states.at(-1), "reconnecting");
  assert.equal(FakeWebSocket.all.length, 1);
  mock.timers.tick(500);
  assert.equal(FakeWebSocket.all.length, 2);
  assert.equal(told.states.at(-1), "connecting");
});

test("thirty-five seconds of silence are a dead link", () => {
  const { told } = opened();
  newest().say(hello(1));
  mock.timers.tick(SILENCE_MS - 1);
  assert.equal(told.states.at(-1), "connected");
  newest().say({ type: "heartbeat", seq: 1 });
  mock.timers.tick(SILENCE_MS - 1);
  assert.equal(told.states.at(-1), "connected");
  const link = newest();
  mock.timers.tick(1);
  assert.equal(told.states.at(-1), "reconnecting");
  assert.ok(link.closed);
});

test("an attempt that hangs is given up", () => {
  const { told } = opened();
  mock.timers.tick(CONNECT_MS);
  assert.equal(told.states.at(-1), "reconnecting");
});

test("a link that was given up can tell nothing more", () => {
  const { told } = opened();
  const link = newest();
  mock.timers.tick(CONNECT_MS);
  link.say(hello(1));
  link.end();
  assert.deepEqual(told.messages, []);
  assert.equal(told.states.at(-1), "reconnecting");
});

test("coming online or being looked at again ends the wait at once", () => {
  for (const event of ["online", "visibilitychange"]) {
    const { scope } = opened();
    newest().end();
    const before = FakeWebSocket.all.length;
    (event === "online" ? scope : scope.document).dispatchEvent(new Event(event));
    assert.equal(FakeWebSocket.all.length, before + 1, event);
  }
});

test("being looked at again leaves a living link alone and replaces one that died while timers slept", () => {
  const { scope } = opened();
  newest().say(hello(1));
  scope.document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(FakeWebSocket.all.length, 1);
  mock.timers.setTime(START + 10 * SILENCE_MS);
  scope.document.dispatchEvent(new Event("visibilitychange"));
  assert.ok(FakeWebSocket.all.length > 1);
});

test("without a network the state is offline, and it goes on trying", () => {
  const { scope, told } = opened();
  newest().say(hello(1));
  scope.navigator.onLine = false;
  scope.dispatchEvent(new Event("offline"));
  assert.equal(told.states.at(-1), "offline");
  mock.timers.tick(500);
  newest().say(hello(1));
  assert.equal(told.states.at(-1), "connected");
});

test("an ended session leads to the sign-in page and to no further attempt", () => {
  const { told } = opened();
  newest().say(hello(1));
  newest().end(SESSION_ENDED);
  mock.timers.tick(100_000);
  assert.equal(told.signedOut, 1);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("a refused attempt asks whether the session is still good, and retries if it is", async () => {
  const { told } = opened({ signedIn: true });
  newest().end();
  await settled();
  assert.equal(told.signedOut, 0);
  mock.timers.tick(500);
  assert.equal(FakeWebSocket.all.length, 2);
});

test("a refused attempt without a session leads to the sign-in page", async () => {
  const { told } = opened({ signedIn: false });
  newest().end();
  await settled();
  assert.equal(told.signedOut, 1);
  mock.timers.tick(100_000);
  assert.equal(FakeWebSocket.all.length, 1);
});
