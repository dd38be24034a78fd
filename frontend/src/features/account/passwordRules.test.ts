import { expect, test } from "vitest";
import { passwordProblem } from "./passwordRules";

test("a good password has no problem", () => {
  expect(passwordProblem("three quiet looms", "three quiet looms", "plum-otter")).toBeNull();
});

test("short, unchanged and mistyped ones say what to do", () => {
  expect(passwordProblem("short", "short", "x")).toContain("at least 8");
  expect(passwordProblem("three quiet looms", "three quiet looms", "three quiet looms")).toContain("other than");
  expect(passwordProblem("three quiet looms", "three quiet loom", "x")).toContain("differ");
});
