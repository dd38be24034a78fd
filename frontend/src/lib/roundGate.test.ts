import { expect, test } from "vitest";
import { readGate } from "./roundGate";

test("a gate that measured nothing has a verdict and no figures", () => {
  expect(readGate({ passed: false, reason: "No held-out masks.", gain: null })).toEqual({
    passed: false,
    reason: "No held-out masks.",
    gain: null,
    low: null,
    high: null,
    confidence: 0.95,
    overridden: false,
    rolledBack: false,
  });
});

test("an override and a rollback stay on record", () => {
  const gate = { passed: false, reason: "Worse.", overridden_at: "2026-01-01T00:00:00Z" };
  expect(readGate(gate)).toMatchObject({ overridden: true, rolledBack: false });
  expect(readGate({ ...gate, rolled_back_at: "2026-01-02T00:00:00Z" })).toMatchObject({ rolledBack: true });
});

test("a round that was not evaluated has no gate", () => {
  expect(readGate(null)).toBeNull();
  expect(readGate({})).toBeNull();
});
