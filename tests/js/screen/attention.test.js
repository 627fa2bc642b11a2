import "../published.js";
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

const kept = new Map();
const shown = [];
let focused = false;

class FakeNotification {
  static permission = "granted";
  /** @param {string} title @param {object} options */
  constructor(title, options) {
    if (FakeNotification.throws) throw new TypeError("Illegal constructor");
    shown.push({ title, ...options });
  }
}

const registration = {
  showNotification: async (title, options) => void shown.push({ title, worker: true, ...options }),
};

Object.assign(globalThis, {
  isSecureContext: true,
  Notification: FakeNotification,
  localStorage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) },
  addEventListener() {},
});
Object.assign(document, { hasFocus: () => focused });
Object.defineProperty(globalThis, "navigator", {
  configurable: true,
  value: { serviceWorker: { getRegistration: async () => registration } },
});

const { callAttention, obstacle, wording } = await import("../../../static/js/screen/attention.js");

let seq = 0;
function nextSeq() {
  seq += 1;
  return seq;
}

const alert = (pk) => ({
  feature: {
    id: `Incident:${pk}`,
    properties: { name: `Fire ${pk}`, severity: "High", url: `/tracker/incident/${pk}/` },
  },
  areas: [{ name: "Town", seq: nextSeq() }],
});

/** A tab's store in which these incidents have raised alerts. */
function tab(...keys) {
  const store = { epoch: "e", alerts: { byIncident: new Map(keys.map((pk) => [pk, alert(pk)])) } };
  store.subscribe = (listener) => {
    store.raise = () => listener({ raised: new Set(keys) });
  };
  callAttention(/** @type {any} */ (store));
  return /** @type {any} */ (store);
}

async function settle() {
  for (let turn = 0; turn < 20; turn += 1) {
    await Promise.resolve();
    mock.timers.tick(400);
  }
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  kept.clear();
  kept.set("tracker.desktop", "on");
  shown.length = 0;
  focused = false;
  FakeNotification.permission = "granted";
  FakeNotification.throws = false;
});

test("each incident has a notification of its own; of many, one names how many more there are", () => {
  const words = wording([1, 2, 3, 4, 5, 6].map(alert));
  assert.equal(words.length, 5);
  assert.equal(words[0].title, "2 more alerts");
  assert.equal(new Set(words.map(({ tag }) => tag)).size, 5);
});

test("a tab without the focus notifies", async () => {
  tab(1).raise();
  await settle();
  assert.deepEqual(
    shown.map(({ tag, data }) => [tag, data]),
    [["tracker.alert Incident:1", "/tracker/incident/1/"]],
  );
});

test("two tabs that hear of the same alert notify once", async () => {
  const [one, other] = [tab(1), tab(1)];
  other.alerts = one.alerts;
  one.raise();
  other.raise();
  await settle();
  assert.equal(shown.length, 1);
});

test("while a tab is in use no tab notifies, unless it should always", async () => {
  const [one, other] = [tab(1), tab(1)];
  other.alerts = one.alerts;
  focused = true;
  one.raise();
  await settle();
  focused = false;
  other.raise();
  await settle();
  assert.equal(shown.length, 0);
  kept.set("tracker.always", "on");
  focused = true;
  tab(2).raise();
  await settle();
  assert.equal(shown.length, 1);
});

test("where a page may not show notifications, the service worker does", async () => {
  FakeNotification.throws = true;
  tab(1).raise();
  await settle();
  assert.equal(shown[0].worker, true);
});

test("a browser that blocks notifications shows none, and the reason is known", async () => {
  FakeNotification.permission = "denied";
  tab(1).raise();
  await settle();
  assert.equal(shown.length, 0);
  assert.equal(obstacle(), "denied");
  globalThis.isSecureContext = false;
  assert.equal(obstacle(), "insecure");
  globalThis.isSecureContext = true;
  delete globalThis.Notification;
  assert.equal(obstacle(), "missing");
  globalThis.Notification = FakeNotification;
});
