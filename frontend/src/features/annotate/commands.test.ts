// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { COMMANDS, commandFor, keyOf } from "./commands";

const key = (init: KeyboardEventInit) => keyOf(new KeyboardEvent("keydown", init));

test("keys are spelled once, whatever the case", () => {
  expect(key({ key: "z", ctrlKey: true })).toBe("Ctrl+Z");
  expect(key({ key: "Z", ctrlKey: true, shiftKey: true })).toBe("Ctrl+Shift+Z");
  expect(key({ key: "z", metaKey: true })).toBe("Ctrl+Z");
  expect(key({ key: "b" })).toBe("B");
  expect(key({ key: "?", shiftKey: true })).toBe("?");
  expect(key({ key: "+", shiftKey: true })).toBe("+");
  expect(key({ key: "Tab", shiftKey: true })).toBe("Shift+Tab");
});

test("no key has two meanings", () => {
  const all = Object.values(COMMANDS).flatMap((command) => command.keys as readonly string[]);
  expect(new Set(all).size).toBe(all.length);
  expect(commandFor("Enter")).toBe(COMMANDS.accept);
  expect(commandFor("Ctrl+Q")).toBeUndefined();
});
