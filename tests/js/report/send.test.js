import assert from "node:assert/strict";
import { test } from "node:test";

import { sendReport } from "../../../static/js/report/send.js";

const FIELDS = { key: "k", name: "Fire & <smoke>", location_lat: "1", location_lon: "2" };
const PAGE = new Response('<meta name="csrf-token" content="fresh">');
const json = (body, status) => new Response(JSON.stringify(body), { status });

/** Sends to a server that gives these answers in turn; an Error is a lost connection. */
async function send(...answers) {
  const asked = [];
  const outcome = await sendReport("/report/", FIELDS, async (path, options) => {
    asked.push({ path, ...options });
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer.clone();
  });
  return { outcome, asked };
}

test("a report is sent with a fresh token and its own key, until the server answers that it is stored", async () => {
  const { outcome, asked } = await send(PAGE, json({ stored: true }, 201));
  assert.deepEqual(outcome, { state: "sent" });
  assert.deepEqual(Object.fromEntries(asked[1].body), { ...FIELDS, csrf_token: "fresh" });
  assert.equal(asked[1].method, "POST");
});

test("without a network the report waits, whichever of the two requests fails", async () => {
  for (const answers of [[new TypeError("Failed to fetch")], [PAGE, new TypeError("Failed to fetch")]]) {
    assert.equal((await send(...answers)).outcome.state, "waiting");
  }
});

test("another page in the server's place (a hotel's sign-in) is no answer", async () => {
  for (const answers of [
    [new Response("<h1>Welcome</h1>")],
    [PAGE, new Response("<h1>Welcome</h1>")],
    [PAGE, json({}, 200)],
  ]) {
    assert.equal((await send(...answers)).outcome.state, "waiting");
  }
});

test("a busy or broken server is tried again later", async () => {
  for (const status of [429, 500, 503]) {
    assert.deepEqual((await send(PAGE, json({ error: "Later." }, status))).outcome, {
      state: "waiting",
      error: "Later.",
    });
  }
  assert.equal((await send(new Response("", { status: 502 }))).outcome.state, "waiting");
});

test("a refusal has reasons, in general and for each field", async () => {
  const { outcome } = await send(PAGE, json({ error: "No.", fields: { name: "too long" } }, 422));
  assert.deepEqual(outcome, { state: "refused", error: "No.", problems: { name: "too long" } });
  assert.equal((await send(PAGE, new Response("", { status: 413 }))).outcome.state, "refused");
});

test("if only signed-in people may report, the outcome says so", async () => {
  const { outcome } = await send(new Response("<h1>Forbidden</h1>", { status: 403 }));
  assert.equal(outcome.state, "refused");
  assert.match(outcome.error, /people with an account/);
});
