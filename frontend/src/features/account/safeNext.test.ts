import { expect, test } from "vitest";
import { safeNext } from "./safeNext";

test("only addresses of this page are followed", () => {
  expect(safeNext("/datasets/1/annotate?image=2")).toBe("/datasets/1/annotate?image=2");
  for (const bad of [null, "", "https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example"]) {
    expect(safeNext(bad)).toBe("/datasets");
  }
});
