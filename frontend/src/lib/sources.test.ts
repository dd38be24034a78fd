import { expect, test } from "vitest";
import { type MaskSource, sourceName } from "./sources";

test("a mask is called by how it came about", () => {
  const sources: MaskSource[] = ["model", "brush", "proposal", "import", "generated"];
  expect(sources.map((source) => sourceName(source, false))).toEqual([
    "Clicked",
    "Drawn",
    "Proposed, kept",
    "Imported",
    "Generated",
  ]);
  expect(sourceName("brush", true)).toBe("Drawn");
  expect(sourceName("model", true)).toBe("Clicked, edited");
  expect(sourceName("proposal", true)).toBe("Proposed, mended");
});
