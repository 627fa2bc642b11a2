import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { LongPoll, PAUSE_MS, WAIT_S } from "../../../static/js/live/long-poll.js";
import { FakeServer, response } from "../fake-server.js";
import { hello, incident, markOf, saved } from "../examples.js";

const settled = () => new Promise((done) => setImmediate(done));

/** Lets everything happen that can, pauses included. */
async function rest() {
  for (let turn = 0; turn < 10; turn += 1) {
    await settled();
    mock.timers.tick(PAUSE_MS);
  }
  await settled();
}

function started(query = "", server = new FakeServer()) {
  const received = { messages: [], codes: [] };
  const scope = { fetch: (...args) => server.fetch(...args), setTimeout: (...args) => setTimeout(...args) };
  const poll = new LongPoll(`http://here/api/notifications${query}`, scope);
  poll.addEventListener("message", ({ data }) => received.messages.push(JSON.parse(data)));
  poll.addEventListener("close", ({ code }) => received.codes.push(code));
  return { server, received, poll };
}

const entries = ({ messages }) => messages.filter(({ type }) => type === "post_save").map(({ seq }) => seq);
const hellos = ({ messages }) => messages.filter(({ type }) => type === "hello");

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("the first request is answered at once, the next ones wait", async () => {
  const { server, received } = started();
  await settled();
  assert.deepEqual(
    server.asked.map((url) => url.searchParams.get("wait")),
    ["0", String(WAIT_S)],
  );
  assert.equal(server.asked[1].searchParams.get("since"), "0");
  assert.equal(server.asked[1].searchParams.get("epoch"), "e");
  assert.equal(hellos(received).length, 1);
});

test("each entry comes once and in order, after one hello", async () => {
  const { server, received } = started();
  await settled();
  for (let seq = 1; seq <= 20; seq += 1) {
    await server.save(saved(seq, incident(seq)));
    if (seq % 3 === 0) await rest();
  }
  await rest();
  assert.deepEqual(
    entries(received),
    Array.from({ length: 20 }, (_, index) => index + 1),
  );
  assert.equal(hellos(received).length, 1);
});

test("it continues after the entry that the page has", async () => {
  const server = new FakeServer();
  for (let seq = 1; seq <= 5; seq += 1) await server.save(saved(seq, incident(seq)));
  const { received } = started("?since=3&epoch=e", server);
  await settled();
  assert.deepEqual(entries(received), [4, 5]);
  assert.ok(hellos(received)[0].recovered);
});

test("it asks with the mark of the entry that it names", async () => {
  const { server } = started();
  await settled();
  const asked = () => server.asked.at(-1).searchParams;
  assert.equal(asked().get("mark"), markOf(0));
  await server.save({ ...saved(1, incident(1)), mark: "first" });
  await rest();
  assert.deepEqual([asked().get("since"), asked().get("mark")], ["1", "first"]);
  await server.save(saved(2, incident(2)));
  await rest();
  assert.deepEqual([asked().get("since"), asked().get("mark")], ["2", null]);
});

test("older entries are fetched without pauses", async () => {
  const server = new FakeServer();
  server.most = 2;
  for (let seq = 1; seq <= 9; seq += 1) await server.save(saved(seq, incident(seq)));
  const { received } = started("?since=0&epoch=e", server);
  await settled();
  assert.deepEqual(entries(received), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("after new entries there is a pause in which more gather", async () => {
  const { server, received } = started();
  await settled();
  await server.save(saved(1, incident(1)));
  await settled();
  await server.save(saved(2, incident(2)));
  await settled();
  assert.deepEqual(entries(received), [1]);
  mock.timers.tick(PAUSE_MS);
  await settled();
  assert.deepEqual(entries(received), [1, 2]);
});

test("a heartbeat is passed on and does not move the cursor", async () => {
  const { server, received } = started();
  await settled();
  server.timeOut();
  await settled();
  assert.equal(received.messages.at(-1).type, "heartbeat");
  await rest();
  assert.equal(server.asked.at(-1).searchParams.get("since"), "0");
});

test("another log sends a new hello", async () => {
  const { server, received } = started();
  await settled();
  server.epoch = "other";
  server.log = [saved(1, incident(1)), saved(2, incident(2))];
  server.timeOut();
  await rest();
  await server.save(saved(3, incident(3)));
  await rest();
  assert.deepEqual(
    hellos(received).map(({ recovered }) => recovered),
    [false, false],
  );
  assert.deepEqual(entries(received), [3]);
});

test("refusals close with the code of a WebSocket, and end it", async () => {
  for (const [status, code] of [
    [401, 4401],
    [429, 1006],
    [503, 1006],
    [302, 1006],
  ]) {
    const { server, received } = started();
    await settled();
    server.status = status;
    server.fail();
    await rest();
    assert.deepEqual(received.codes, [code], String(status));
    assert.equal(server.waiting.length, 0);
  }
});

test("an answer of a proxy closes, and does not move the cursor", async () => {
  for (const text of [
    "",
    "<html>Please sign in to this hotel</html>\n",
    "{}\n",
    "null\n",
    '{"type":"post_save","seq":9}\n',
  ]) {
    const { received } = started("", { fetch: async () => ({ status: 200, text: async () => text }) });
    await rest();
    assert.deepEqual(received, { messages: [], codes: [1006] }, text);
  }
});

test("of a cut answer all whole lines are used", async () => {
  const answers = [
    response(200, [hello(0)]),
    {
      status: 200,
      text: async () => `${JSON.stringify(hello(0))}\n${JSON.stringify(saved(1, incident(1)))}\n{"type":"post_sa`,
    },
  ];
  const asked = [];
  const { received } = started("?since=0&epoch=e", {
    fetch: async (address) => {
      asked.push(new URL(address).searchParams.get("since"));
      return answers.shift() ?? new Promise(() => {});
    },
  });
  await rest();
  assert.deepEqual(entries(received), [1]);
  assert.deepEqual(asked, ["0", "0", "1"]);
  assert.deepEqual(received.codes, []);
});

test("a lost network closes it, and after close() nothing more is dispatched", async () => {
  const lost = started("", { fetch: async () => Promise.reject(new TypeError("failed to fetch")) });
  await settled();
  assert.deepEqual(lost.received.codes, [1006]);
  const { server, received, poll } = started();
  await settled();
  poll.close();
  await server.save(saved(1, incident(1)));
  await rest();
  assert.equal(received.messages.length, 2);
  assert.deepEqual(received.codes, []);
  assert.equal(server.asked.length, 2);
});
