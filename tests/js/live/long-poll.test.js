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
  const told = { messages: [], codes: [] };
  const scope = { fetch: (...args) => server.fetch(...args), setTimeout: (...args) => setTimeout(...args) };
  const poll = new LongPoll(`http://here/api/notifications${query}`, scope);
  poll.addEventListener("message", ({ data }) => told.messages.push(JSON.parse(data)));
  poll.addEventListener("close", ({ code }) => told.codes.push(code));
  return { server, told, poll };
}

const entries = ({ messages }) => messages.filter(({ type }) => type === "post_save").map(({ seq }) => seq);
const hellos = ({ messages }) => messages.filter(({ type }) => type === "hello");

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("the first request is answered at once, the next ones wait", async () => {
  const { server, told } = started();
  await settled();
  assert.deepEqual(
    server.asked.map((url) => url.searchParams.get("wait")),
    ["0", String(WAIT_S)],
  );
  assert.equal(server.asked[1].searchParams.get("since"), "0");
  assert.equal(server.asked[1].searchParams.get("epoch"), "e");
  assert.equal(hellos(told).length, 1);
});

test("each entry comes once and in order, after one greeting", async () => {
  const { server, told } = started();
  await settled();
  for (let seq = 1; seq <= 20; seq += 1) {
    await server.save(saved(seq, incident(seq)));
    if (seq % 3 === 0) await rest();
  }
  await rest();
  assert.deepEqual(
    entries(told),
    Array.from({ length: 20 }, (_, index) => index + 1),
  );
  assert.equal(hellos(told).length, 1);
});

test("it continues after the entry that the page has", async () => {
  const server = new FakeServer();
  for (let seq = 1; seq <= 5; seq += 1) await server.save(saved(seq, incident(seq)));
  const { told } = started("?since=3&epoch=e", server);
  await settled();
  assert.deepEqual(entries(told), [4, 5]);
  assert.ok(hellos(told)[0].recovered);
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

test("a backlog is fetched without pauses", async () => {
  const server = new FakeServer();
  server.most = 2;
  for (let seq = 1; seq <= 9; seq += 1) await server.save(saved(seq, incident(seq)));
  const { told } = started("?since=0&epoch=e", server);
  await settled();
  assert.deepEqual(entries(told), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("after news there is a pause in which more gathers", async () => {
  const { server, told } = started();
  await settled();
  await server.save(saved(1, incident(1)));
  await settled();
  await server.save(saved(2, incident(2)));
  await settled();
  assert.deepEqual(entries(told), [1]);
  mock.timers.tick(PAUSE_MS);
  await settled();
  assert.deepEqual(entries(told), [1, 2]);
});

test("a heartbeat is handed on and moves nothing", async () => {
  const { server, told } = started();
  await settled();
  server.timeOut();
  await settled();
  assert.equal(told.messages.at(-1).type, "heartbeat");
  await rest();
  assert.equal(server.asked.at(-1).searchParams.get("since"), "0");
});

test("another log is greeted anew", async () => {
  const { server, told } = started();
  await settled();
  server.epoch = "other";
  server.log = [saved(1, incident(1)), saved(2, incident(2))];
  server.timeOut();
  await rest();
  await server.save(saved(3, incident(3)));
  await rest();
  assert.deepEqual(
    hellos(told).map(({ recovered }) => recovered),
    [false, false],
  );
  assert.deepEqual(entries(told), [3]);
});

test("refusals close with the code of a WebSocket, and end it", async () => {
  for (const [status, code] of [
    [401, 4401],
    [429, 1006],
    [503, 1006],
    [302, 1006],
  ]) {
    const { server, told } = started();
    await settled();
    server.status = status;
    server.fail();
    await rest();
    assert.deepEqual(told.codes, [code], String(status));
    assert.equal(server.waiting.length, 0);
  }
});

test("an answer of something in between closes, and moves nothing", async () => {
  for (const text of [
    "",
    "<html>Please sign in to this hotel</html>\n",
    "{}\n",
    "null\n",
    '{"type":"post_save","seq":9}\n',
  ]) {
    const { told } = started("", { fetch: async () => ({ status: 200, text: async () => text }) });
    await rest();
    assert.deepEqual(told, { messages: [], codes: [1006] }, text);
  }
});

test("an answer that was cut off is taken up to its last whole line", async () => {
  const answers = [
    response(200, [hello(0)]),
    {
      status: 200,
      text: async () => `${JSON.stringify(hello(0))}\n${JSON.stringify(saved(1, incident(1)))}\n{"type":"post_sa`,
    },
  ];
  const asked = [];
  const { told } = started("?since=0&epoch=e", {
    fetch: async (address) => {
      asked.push(new URL(address).searchParams.get("since"));
      return answers.shift() ?? new Promise(() => {});
    },
  });
  await rest();
  assert.deepEqual(entries(told), [1]);
  assert.deepEqual(asked, ["0", "0", "1"]);
  assert.deepEqual(told.codes, []);
});

test("a lost network closes it; one that was ended says nothing more", async () => {
  const lost = started("", { fetch: async () => Promise.reject(new TypeError("failed to fetch")) });
  await settled();
  assert.deepEqual(lost.told.codes, [1006]);
  const { server, told, poll } = started();
  await settled();
  poll.close();
  await server.save(saved(1, incident(1)));
  await rest();
  assert.equal(told.messages.length, 2);
  assert.deepEqual(told.codes, []);
  assert.equal(server.asked.length, 2);
});
