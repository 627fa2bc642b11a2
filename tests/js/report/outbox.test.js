import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox } from "../../../static/js/report/outbox.js";

/** The methods of localStorage that the queue needs; `full` as when its quota is used up. */
class FakeStorage {
  full = false;

  constructor() {
    Object.defineProperty(this, "full", { enumerable: false, writable: true });
  }

  getItem(name) {
    return Object.hasOwn(this, name) ? this[name] : null;
  }

  setItem(name, text) {
    if (this.full) throw new Error("QuotaExceededError");
    this[name] = text;
  }

  removeItem(name) {
    delete this[name];
  }
}

const fields = (key, name = key) => ({ key, name, location_lat: "1", location_lon: "2" });
const states = (queue) => queue.entries().map(({ key, state }) => `${key} ${state}`);
const OFFLINE = { state: "waiting", error: "No network." };

function setUp(outcomes = {}, storage = new FakeStorage()) {
  const sent = [];
  let clock = 0;
  const send = async ({ key }) => {
    sent.push(key);
    return outcomes[key] ?? { state: "sent" };
  };
  return { queue: new Outbox(storage, send, () => (clock += 1)), sent, outcomes, storage };
}

test("a report waits on the device until it is sent, also after a reload", async () => {
  const { queue, outcomes, storage } = setUp({ a: OFFLINE });
  queue.add(fields("a"));
  await queue.flush();
  const again = setUp({}, storage);
  assert.deepEqual(states(again.queue), ["a waiting"]);
  assert.deepEqual(again.queue.get("a").fields, fields("a"));
  await again.queue.flush();
  assert.deepEqual(states(again.queue), ["a sent"]);
  assert.deepEqual(outcomes.a, OFFLINE);
});

test("a sent report is not sent again, and its text is dropped", async () => {
  const { queue, sent } = setUp();
  queue.add(fields("a", "Fire"));
  await queue.flush();
  await queue.flush();
  assert.deepEqual(sent, ["a"]);
  assert.deepEqual([queue.get("a").fields, queue.get("a").name], [{}, "Fire"]);
});

test("two calls at once send each report once, also one that is added meanwhile", async () => {
  const { queue, sent } = setUp();
  queue.add(fields("a"));
  const both = [queue.flush(), queue.flush()];
  queue.add(fields("b"));
  await Promise.all(both);
  assert.deepEqual(sent, ["a", "b"]);
});

test("reports are sent in the order of writing, and the first failure of the network ends the round", async () => {
  const { queue, sent } = setUp({ b: OFFLINE });
  for (const key of ["c", "b", "a"]) queue.add(fields(key));
  await queue.flush();
  assert.deepEqual(sent, ["c", "b"]);
  assert.deepEqual(states(queue), ["c sent", "b waiting", "a waiting"]);
});

test("a refused report has the reason, keeps its text, is not tried again and delays no other", async () => {
  const { queue, sent } = setUp({
    a: { state: "refused", error: "Please correct the fields below.", problems: { name: "too long" } },
  });
  for (const key of ["a", "b"]) queue.add(fields(key));
  await queue.flush();
  await queue.flush();
  assert.deepEqual(sent, ["a", "b"]);
  assert.deepEqual(
    [queue.get("a").state, queue.get("a").problems, queue.get("a").fields],
    ["refused", { name: "too long" }, fields("a")],
  );
});

test("a report that is discarded while it is being sent does not return", async () => {
  const { queue } = setUp({ a: OFFLINE });
  queue.add(fields("a"));
  const flushed = queue.flush();
  queue.remove("a");
  await flushed;
  assert.deepEqual(states(queue), []);
});

test("a report that the storage refuses is still sent, and counts as at risk", async () => {
  const { queue, storage, sent } = setUp({ a: OFFLINE });
  storage.full = true;
  queue.add(fields("a"));
  await queue.flush();
  assert.deepEqual([states(queue), queue.atRisk, sent], [["a waiting"], true, ["a"]]);
  storage.full = false;
  await queue.flush();
  assert.equal(queue.atRisk, false);
});

test("other things in the storage, and broken ones, are left alone", () => {
  const storage = new FakeStorage();
  storage.setItem("tracker.report.x", "{not json");
  storage.setItem("tracker.report.y", "null");
  storage.setItem("other", "1");
  assert.deepEqual(setUp({}, storage).queue.entries(), []);
});

test("reports that were sent more than a day ago are dropped", async () => {
  const storage = new FakeStorage();
  const { queue } = setUp({ b: OFFLINE }, storage);
  for (const key of ["a", "b"]) queue.add(fields(key));
  await queue.flush();
  const later = new Outbox(
    storage,
    async () => OFFLINE,
    () => 25 * 3600 * 1000,
  );
  later.tidy();
  assert.deepEqual(states(later), ["b waiting"]);
});

test("a report is sent with its age, by the clock that went on", async () => {
  const clock = { now: 1_000_000, running: 50_000 };
  const sent = [];
  const storage = new FakeStorage();
  const queue = () =>
    new Outbox(
      storage,
      async ({ key, age }) => {
        sent.push([key, age]);
        return OFFLINE;
      },
      () => clock.now,
      () => clock.running,
    );
  const page = queue();
  page.add(fields("a"));
  const age = async (from) => {
    await from.flush();
    return sent.pop()[1];
  };
  assert.equal(await age(page), "0");
  clock.now += 3_600_000; // the device slept: only its clock went on
  assert.equal(await age(page), "3600");
  clock.now -= 10_000_000; // set back
  clock.running += 60_000;
  assert.equal(await age(page), "60");
  assert.equal(await age(queue()), "0");
  // Set by years: the other clock is believed, and the server cuts what a new page says
  clock.now += 400 * 24 * 3_600_000;
  assert.equal(await age(page), "60");
  assert.ok(Number(await age(queue())) > 300 * 24 * 3600);
});

test("a report that is corrected keeps the time at which it was first written", async () => {
  const clock = { now: 1_000_000, running: 0 };
  const sent = [];
  const queue = new Outbox(
    new FakeStorage(),
    async ({ age }) => {
      sent.push(age);
      return { state: "refused" };
    },
    () => clock.now,
    () => clock.running,
  );
  queue.add(fields("a"));
  clock.now += 120_000;
  clock.running += 120_000;
  const first = queue.get("a");
  queue.remove("a");
  queue.add(fields("b"), queue.age(first));
  clock.now += 60_000;
  await queue.flush();
  assert.deepEqual(sent, ["180"]);
});
