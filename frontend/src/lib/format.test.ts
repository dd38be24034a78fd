import { expect, test } from "vitest";
import { ago, between, bytes, count, duration, NOTHING, percent, plural, score, signed } from "./format";

test("counts and plurals", () => {
  expect(count(12345)).toBe("12,345");
  expect(count(null)).toBe(NOTHING);
  expect(plural(1, "mask")).toBe("1 mask");
  expect(plural(2, "box", "boxes")).toBe("2 boxes");
});

test("a share of nothing is nothing", () => {
  expect(percent(3, 0)).toBe(0);
  expect(percent(1, 3)).toBe(33);
});

test("sizes keep two or three digits", () => {
  expect(bytes(999)).toBe("999 B");
  expect(bytes(1_500)).toBe("1.5 kB");
  expect(bytes(48_200_321)).toBe("48.2 MB");
  expect(bytes(512_000_000)).toBe("512 MB");
});

test("scores refuse what is not a number", () => {
  expect(score(0.6512)).toBe("0.651");
  expect(score(undefined)).toBe(NOTHING);
  expect(signed(-0.018)).toBe("−0.018");
  expect(signed(0)).toBe("+0.000");
});

test("times", () => {
  const now = Date.parse("2026-01-02T12:00:00Z");
  expect(ago("2026-01-02T09:00:00Z", now)).toBe("3 hours ago");
  expect(ago("2026-01-01T11:00:00Z", now)).toBe("yesterday");
  expect(ago("2026-01-02T12:00:20Z", now)).toBe("just now");
  expect(duration(185)).toBe("3 min 5 s");
  expect(duration(7_800)).toBe("2 h 10 min");
  expect(between("2026-01-02T11:59:00Z", null, now)).toBe("1 min 0 s");
  expect(between(null, null, now)).toBeNull();
});
