import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

const { copyText, linesOf } = await import("../../../static/js/base/copy.js");

const copied = [];
const clipboard = { writeText: async (text) => void copied.push(text) };
const forbidding = {
  writeText: async () => {
    throw new Error("not allowed");
  },
};

test("a text goes to the clipboard", async () => {
  assert.equal(await copyText("secret", { clipboard, copySelected: () => assert.fail() }), true);
  assert.deepEqual(copied, ["secret"]);
});

test("without a clipboard, or if it is forbidden, the selected text is copied", async () => {
  assert.equal(await copyText("secret", { copySelected: () => true }), true);
  assert.equal(await copyText("secret", { clipboard: forbidding, copySelected: () => true }), true);
});

test("a browser that copies nothing is no success", async () => {
  const fail = () => {
    throw new Error("no such command");
  };
  assert.equal(await copyText("secret", { copySelected: () => false }), false);
  assert.equal(await copyText("secret", { copySelected: fail }), false);
});

test("a list of codes is copied as lines", () => {
  assert.equal(linesOf("\n      abcd-1234\n      efgh-5678\n    "), "abcd-1234\nefgh-5678");
  assert.equal(linesOf(" one key "), "one key");
});
