import { expect, test } from "vitest";
import { ApiError, messageOf, problemError } from "./problem";

test("a problem document keeps its sentence, code and extras", () => {
  const error = problemError(409, {
    title: "Conflict",
    detail: "Round 3 is running. Wait for it.",
    code: "conflict",
    current: 3,
  });
  expect(error).toBeInstanceOf(ApiError);
  expect(error.message).toBe("Round 3 is running. Wait for it.");
  expect(error.code).toBe("conflict");
  expect(error.problem.current).toBe(3);
});

test("an answer without a body still says what to do", () => {
  expect(problemError(502, undefined).message).toContain("maskloom up");
  expect(problemError(418, "teapot").message).toContain("418");
  expect(problemError(422, { detail: [{ loc: ["body"] }] }).message).toContain("422");
});

test("a network failure is told apart from a fault of the page", () => {
  expect(messageOf(new TypeError("Failed to fetch"))).toContain("cannot be reached");
  expect(messageOf(new Error("No room."))).toBe("No room.");
  expect(messageOf("?")).toContain("Reload");
});
