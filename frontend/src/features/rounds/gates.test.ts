import { expect, test } from "vitest";
import { gateShare, gateText } from "./gates";

test("a gate that holds is full, one that does not never is", () => {
  expect(gateShare({ value: 5, threshold: 5, holds: true })).toBe(100);
  expect(gateShare({ value: 2, threshold: 5, holds: false })).toBe(40);
  expect(gateShare({ value: 4.99, threshold: 5, holds: false })).toBe(95);
  expect(gateShare({ value: 0, threshold: 0, holds: false })).toBe(0);
});

test("a gate on a value that has to fall shows how far above it is", () => {
  expect(gateShare({ value: 0.02, threshold: 0.01, holds: false })).toBe(50);
});

test("figures", () => {
  expect(gateText({ value: 1, threshold: 0, holds: false })).toBe("");
  expect(gateText({ value: 2, threshold: 5, holds: false })).toBe("2 / 5");
  expect(gateText({ value: 0.0151, threshold: 0.01, holds: false })).toBe("0.015 / 0.010");
});
