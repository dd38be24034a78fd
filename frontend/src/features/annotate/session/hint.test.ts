import { expect, test } from "vitest";
import { Haste, ObjectTimer } from "./hint";

test("an object is overdue half a minute after it was opened, and the next one begins anew", () => {
  const timer = new ObjectTimer();
  expect(timer.overdue("a", 0)).toBe(false);
  expect(timer.overdue("a", 30_001)).toBe(true);
  expect(timer.overdue("b", 30_002)).toBe(false);
  expect(timer.overdue(null, 90_000)).toBe(false);
});

test("proposals need a glance each, and no proposals no time", () => {
  const haste = new Haste();
  haste.shown(1_000);
  expect(haste.check("none", 0, 1_000)).toBe("go");
  expect(haste.check("slow", 10, 4_000)).toBe("go");
  expect(haste.check("fast", 10, 3_900)).toBe("ask");
});

test("who was asked goes on by a second wish, but not by a double press, and is not asked again", () => {
  const haste = new Haste();
  haste.shown(0);
  expect(haste.check("a", 10, 100)).toBe("ask");
  expect(haste.check("a", 10, 300)).toBe("wait");
  expect(haste.check("a", 10, 1_200)).toBe("go");
  haste.shown(2_000);
  expect(haste.check("b", 10, 2_100)).toBe("ask");
  haste.shown(9_000);
  expect(haste.check("a", 10, 9_100)).toBe("go");
});
