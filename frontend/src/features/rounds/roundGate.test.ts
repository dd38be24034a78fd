import { expect, test } from "vitest";
import { readGate } from "./roundGate";

test("a gate that measured nothing has a verdict and no figures", () => {
  expect(readGate({ passed: false, reason: "No held-out masks.", gain: null })).toEqual({
    passed: false,
    reason: "No held-out masks.",
    gain: null,
    low: null,
    high: null,
  });
});

test("a round that was not evaluated has no gate", () => {
  expect(readGate(null)).toBeNull();
  expect(readGate({})).toBeNull();
});
