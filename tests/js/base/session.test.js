import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { isolate } from "../../../static/js/base/bidi.js";
import { compare, OtherAccount } from "../../../static/js/base/session.js";

test("the error for another account names both accounts", () => {
  const { message } = new OtherAccount("Bob", "Ada");
  assert.equal(message, `${isolate("Bob")} is signed in now. Nothing was saved: sign in as ${isolate("Ada")} again.`);
});

test("a page takes the token of its own account only", () => {
  assert.equal(compare("Ann", { user: "Ann", token: "t" }), "same");
  assert.equal(compare("", { user: "Ann", token: "t" }), "same");
  assert.equal(compare("Ann", { user: "Bob", token: "t" }), "other");
  assert.equal(compare("Ann", { user: "", token: "t" }), "nobody");
});
