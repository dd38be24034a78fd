import { expect, test } from "vitest";
import { isHasty, ObjectTimer } from "./hint";

test("an object is overdue half a minute after it was opened, and the next one begins anew", () => {
  const timer = new ObjectTimer();
  expect(timer.overdue("a", 0)).toBe(false);
  expect(timer.overdue("a", 30_001)).toBe(true);
  expect(timer.overdue("b", 30_002)).toBe(false);
  expect(timer.overdue(null, 90_000)).toBe(false);
});

test("proposals need a glance each, and no proposals no time", () => {
  expect(isHasty(0, 0)).toBe(false);
  expect(isHasty(10, 2.9)).toBe(true);
  expect(isHasty(10, 3)).toBe(false);
});
