import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { PAUSE_MS, WAIT_S } from "../../../static/js/live/long-poll.js";
import {
  CONNECT_MS,
  MAX_REFUSALS,
  SESSION_ENDED,
  SILENCE_MS,
  Socket,
  TRIAL_MS,
} from "../../../static/js/live/socket.js";
import { FakeServer } from "../fake-server.js";
import { hello, incident, saved } from "../examples.js";

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
function fakeScope(server) {
  return Object.assign(new EventTarget(), {
    WebSocket: FakeWebSocket,
    fetch: server.fetch,
    document: Object.assign(new EventTarget(), { visibilityState: "visible" }),
    navigator: { onLine: true },
    Math: { random: () => 0 },
    Date,
    setTimeout: (...args) => setTimeout(...args),
    clearTimeout: (...args) => clearTimeout(...args),
  });
}

const FULL = "This account has reached its limit.";

/** A socket just opened, with its messages and states. */
function opened({ verdict = "open" } = {}) {
  const told = { messages: [], states: [], ways: [], last: null, signedOut: 0 };
  const server = new FakeServer();
  const scope = fakeScope(server);
  const socket = new Socket({
    scope,
    url: () => "ws://here/notifications",
    pollUrl: () => "http://here/api/notifications",
    onMessage: (message) => told.messages.push(message),
    onState: (connection) => {
      told.last = connection;
      told.states.push(connection.state);
      told.ways.push(connection.way);
    },
    onSignedOut: () => (told.signedOut += 1),
    ask: async () => ({ verdict, reason: verdict === "full" ? FULL : undefined }),
  });
  socket.open();
  return { socket, scope, told, server };
}

const newest = () => FakeWebSocket.all.at(-1);
const settled = () => new Promise((done) => setImmediate(done));

beforeEach(() => {
  FakeWebSocket.all = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: START });
});

test("the state is connected only after hello", () => {
  const { told } = opened();
  assert.deepEqual(told.states, ["connecting"]);
  newest().say(hello(1));
  newest().say(saved(2, incident(1)));
  assert.deepEqual(told.states, ["connecting", "connected"]);
  assert.deepEqual(
    told.messages.map(({ type }) => type),
    ["hello", "post_save"],
  );
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

test("thirty-five seconds of silence end the connection", () => {
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

test("an attempt without an answer is given up", () => {
  const { told } = opened();
  mock.timers.tick(CONNECT_MS);
  assert.equal(told.states.at(-1), "reconnecting");
});

test("a dropped link changes nothing any more", () => {
  const { told } = opened();
  const link = newest();
  mock.timers.tick(CONNECT_MS);
  link.say(hello(1));
  link.end();
  assert.deepEqual(told.messages, []);
  assert.equal(told.states.at(-1), "reconnecting");
});

test("going online or becoming visible ends the wait at once", () => {
  for (const event of ["online", "visibilitychange"]) {
    const { scope } = opened();
    newest().end();
    const before = FakeWebSocket.all.length;
    (event === "online" ? scope : scope.document).dispatchEvent(new Event(event));
    assert.equal(FakeWebSocket.all.length, before + 1, event);
  }
});

test("becoming visible keeps a live link, and replaces one that ended while timers slept", () => {
  const { scope } = opened();
  newest().say(hello(1));
  scope.document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(FakeWebSocket.all.length, 1);
  mock.timers.setTime(START + 10 * SILENCE_MS);
  scope.document.dispatchEvent(new Event("visibilitychange"));
  assert.ok(FakeWebSocket.all.length > 1);
});

test("without a network the state is offline, and attempts go on", () => {
  const { scope, told } = opened();
  newest().say(hello(1));
  scope.navigator.onLine = false;
  scope.dispatchEvent(new Event("offline"));
  assert.equal(told.states.at(-1), "offline");
  mock.timers.tick(500);
  newest().say(hello(1));
  assert.equal(told.states.at(-1), "connected");
});

test("an ended session leads to the sign-in page, without another attempt", () => {
  const { told } = opened();
  newest().say(hello(1));
  newest().end(SESSION_ENDED);
  mock.timers.tick(100_000);
  assert.equal(told.signedOut, 1);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("a refused attempt checks the session, and retries if it is valid", async () => {
  const { told } = opened({ verdict: "open" });
  newest().end();
  await settled();
  assert.equal(told.signedOut, 0);
  mock.timers.tick(500);
  assert.equal(FakeWebSocket.all.length, 2);
});

test("a refused attempt without a session leads to the sign-in page", async () => {
  const { told } = opened({ verdict: "signed out" });
  newest().end();
  await settled();
  assert.equal(told.signedOut, 1);
  mock.timers.tick(100_000);
  assert.equal(FakeWebSocket.all.length, 1);
});

/** A socket all of whose WebSockets are refused, until it follows by plain requests. */
async function fallenBack(options) {
  const found = opened(options);
  for (let attempt = 0; attempt < MAX_REFUSALS; attempt += 1) {
    newest().end();
    await settled();
    if (attempt < MAX_REFUSALS - 1) mock.timers.tick(500);
  }
  await settled();
  return found;
}

test("after three refused WebSockets it polls, and the state says so", async () => {
  const { told, server } = await fallenBack();
  assert.equal(told.states.at(-1), "connected");
  assert.equal(told.ways.at(-1), "http");
  assert.equal(FakeWebSocket.all.length, MAX_REFUSALS);
  await server.save(saved(1, incident(1)));
  await settled();
  assert.deepEqual(
    told.messages.map(({ type }) => type),
    ["hello", "heartbeat", "post_save"],
  );
});

test("WebSockets without an answer count as refused", async () => {
  const { told } = opened();
  for (let attempt = 0; attempt < MAX_REFUSALS; attempt += 1) {
    mock.timers.tick(CONNECT_MS);
    await settled();
    mock.timers.tick(500);
    await settled();
  }
  assert.equal(told.ways.at(-1), "http");
});

test("a browser without WebSocket polls", async () => {
  const original = FakeWebSocket;
  const { told, scope } = opened();
  scope.WebSocket = class {
    constructor() {
      throw new Error("SecurityError");
    }
  };
  newest().end();
  for (let attempt = 0; attempt < MAX_REFUSALS; attempt += 1) {
    await settled();
    mock.timers.tick(500);
  }
  await settled();
  assert.equal(told.ways.at(-1), "http");
  assert.equal(original.all.length, 1);
});

test("while the server is away no transport is given up", async () => {
  const { told, server } = opened({ verdict: "unreachable" });
  for (let attempt = 0; attempt < 10; attempt += 1) {
    newest().end();
    await settled();
    mock.timers.tick(500);
  }
  assert.equal(server.asked.length, 0);
  assert.equal(FakeWebSocket.all.length, 11);
  assert.ok(!told.ways.includes("http"));
});

test("a WebSocket with a hello resets the count of refusals", async () => {
  const { told, server } = opened();
  for (let attempt = 0; attempt < 4 * MAX_REFUSALS; attempt += 1) {
    if (attempt % 2) newest().say(hello(1));
    newest().end();
    await settled();
    mock.timers.tick(500);
  }
  assert.equal(server.asked.length, 0);
  assert.equal(told.states.at(-1), "connecting");
});

test("the state is full while the server has too many connections", async () => {
  const { told } = opened({ verdict: "full" });
  for (let attempt = 0; attempt < 2 * MAX_REFUSALS; attempt += 1) {
    newest().end();
    await settled();
    assert.equal(told.states.at(-1), "full");
    mock.timers.tick(500);
    assert.equal(told.states.at(-1), "full"); // and not "connecting" in between
    assert.equal(told.last.reason, FULL);
    assert.ok(told.last.retryAt > 0);
  }
  newest().say(hello(1));
  assert.equal(told.states.at(-1), "connected");
  assert.equal(told.last.reason, undefined);
  assert.equal(told.ways.at(-1), "websocket");
});

test("a WebSocket is tried at intervals, and takes over without a loss or a wait", async () => {
  const { told, server } = await fallenBack();
  const before = told.states.length;
  for (let waited = 0; waited < TRIAL_MS; waited += WAIT_S * 1000) {
    server.timeOut();
    await settled();
    mock.timers.tick(PAUSE_MS);
    await settled();
    mock.timers.tick(WAIT_S * 1000 - PAUSE_MS);
    await settled();
  }
  assert.equal(FakeWebSocket.all.length, MAX_REFUSALS + 1);
  newest().say(hello(0));
  newest().say(saved(1, incident(1)));
  assert.deepEqual(told.states.slice(before), ["connected"]);
  assert.equal(told.ways.at(-1), "websocket");
  assert.equal(told.messages.at(-1).type, "post_save");
  assert.ok(server.waiting.every(({ aborted }) => aborted));
  newest().end();
  mock.timers.tick(500);
  assert.equal(FakeWebSocket.all.length, MAX_REFUSALS + 2);
});

test("a failed trial changes nothing, and going online starts one", async () => {
  const { scope, told, server } = await fallenBack();
  const before = told.states.length;
  scope.dispatchEvent(new Event("online"));
  assert.equal(FakeWebSocket.all.length, MAX_REFUSALS + 1);
  newest().end();
  await settled();
  await server.save(saved(1, incident(1)));
  await settled();
  assert.equal(told.states.length, before);
  assert.equal(told.messages.at(-1).seq, 1);
});

test("failed polls are tried again, and then a WebSocket", async () => {
  const { told, server } = await fallenBack();
  server.status = 500;
  const asked = server.asked.length;
  server.fail();
  for (let attempt = 0; attempt < MAX_REFUSALS; attempt += 1) {
    await settled();
    assert.equal(told.states.at(-1), "reconnecting");
    mock.timers.tick(500);
  }
  await settled();
  assert.equal(server.asked.length, asked + MAX_REFUSALS);
  assert.equal(FakeWebSocket.all.length, MAX_REFUSALS + 1);
});

test("a session that ends while a request waits leads to the sign-in page", async () => {
  const { told, server } = await fallenBack();
  server.status = 401;
  server.fail();
  await settled();
  assert.equal(told.signedOut, 1);
});

test("silence of polls ends the connection, too", async () => {
  const { told } = await fallenBack();
  mock.timers.tick(SILENCE_MS);
  assert.equal(told.states.at(-1), "reconnecting");
});
