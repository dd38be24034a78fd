import { expect, test } from "vitest";
import { historyOf, push, rebase, redo, replace, undo } from "./history";

test("undo and redo walk the steps; a new step forgets what was undone", () => {
  const three = push(push(historyOf(1), 2), 3);
  expect(undo(undo(three)).present).toBe(1);
  expect(redo(undo(three)).present).toBe(3);
  expect(push(undo(three), 9)).toEqual({ past: [1, 2], present: 9, future: [] });
});

test("the ends of the history and equal values change nothing", () => {
  const one = historyOf("a");
  expect(undo(one)).toBe(one);
  expect(redo(one)).toBe(one);
  expect(push(one, "a")).toBe(one);
});

test("a replacement is no step, a rebase reaches every state", () => {
  const history = undo(push(push(historyOf(1), 2), 3));
  expect(undo(replace(history, 20)).present).toBe(1);
  expect(rebase(history, (n) => n * 10)).toEqual({ past: [10], present: 20, future: [30] });
});

test("the history is bounded", () => {
  let history = historyOf(0);
  for (let n = 1; n <= 1000; n++) history = push(history, n);
  expect(history.past).toHaveLength(300);
});
