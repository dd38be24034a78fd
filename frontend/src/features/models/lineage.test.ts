import { expect, test } from "vitest";
import { lineageRows } from "./lineage";

const model = (id: string, parent_id: string | null, created_at: string) => ({ id, parent_id, created_at });

test("children follow their parent, oldest first", () => {
  const rows = lineageRows([model("c", "a", "3"), model("a", null, "1"), model("d", "b", "4"), model("b", "a", "2")]);
  expect(rows.map((row) => [row.model.id, row.depth])).toEqual([
    ["a", 0],
    ["b", 1],
    ["d", 2],
    ["c", 1],
  ]);
});

test("an orphan stands at the root", () => {
  expect(lineageRows([model("x", "gone", "1")])).toHaveLength(1);
});
