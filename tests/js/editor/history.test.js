import assert from "node:assert/strict";
import { test } from "node:test";

import { History } from "../../../static/js/editor/history.js";

test("undo goes back to the first state and no further, redo forward to the last", () => {
  const history = new History("a");
  history.push("b");
  history.push("c");
  assert.deepEqual([history.undo(), history.undo(), history.undo()], ["b", "a", "a"]);
  assert.deepEqual([history.redo(), history.redo(), history.redo()], ["b", "c", "c"]);
});

test("a new state drops the undone states", () => {
  const history = new History("a");
  history.push("b");
  history.undo();
  history.push("c");
  assert.equal(history.canRedo, false);
  assert.equal(history.undo(), "a");
});

test("canUndo and canRedo follow the position in the history", () => {
  const history = new History(null);
  assert.deepEqual([history.canUndo, history.canRedo], [false, false]);
  history.push("b");
  assert.deepEqual([history.canUndo, history.canRedo], [true, false]);
  history.undo();
  assert.deepEqual([history.canUndo, history.canRedo], [false, true]);
});

test("the history keeps a bounded number of states", () => {
  const history = new History(0);
  for (let state = 1; state <= 10_000; state += 1) history.push(state);
  let steps = 0;
  while (history.canUndo) {
    history.undo();
    steps += 1;
  }
  assert.ok(steps >= 100 && steps <= 1000, `${steps}`);
});
