import { expect, test } from "vitest";
import { WorkClock } from "./clock";

test("laps and totals count work, and a coffee break as ten seconds", () => {
  let now = 0;
  const clock = new WorkClock(() => now);
  now = 4_000;
  clock.note();
  now = 300_000;
  expect(clock.lapSeconds).toBe(14);
  clock.lap();
  now = 303_000;
  expect(clock.lapSeconds).toBe(3);
  expect(clock.totalSeconds).toBe(17);
  clock.reset();
  expect(clock.totalSeconds).toBe(0);
});
