import "../published.js";
import assert from "node:assert/strict";
import { test } from "node:test";

const { bellState } = await import("../../../static/js/screen/bell.js");

const nothing = { desktop: false, sound: false, blocked: true, mute: false };

test("the bell is off while nothing is turned on, whatever the browser allows", () => {
  assert.equal(bellState(nothing), "off");
  assert.equal(bellState({ ...nothing, blocked: false }), "off");
});

test("the bell says that the browser wants a click before the first sound", () => {
  assert.equal(bellState({ ...nothing, sound: true, mute: true }), "click");
  assert.equal(bellState({ ...nothing, sound: true }), "on");
});

test("the bell says that the browser blocks what was turned on", () => {
  assert.equal(bellState({ ...nothing, desktop: true }), "stuck");
  assert.equal(bellState({ ...nothing, desktop: true, blocked: false }), "on");
});
