import { expect, test } from "vitest";
import { lineageRows } from "./lineage";

const model = (id: string, parent_id: string | null, created_at: string) => ({ id, parent_id, created_at });
const drawn = (rows: ReturnType<typeof lineageRows<ReturnType<typeof model>>>) =>
  rows.map(({ model: { id }, lane, from, parent, passing }) => [id, lane, from, parent, passing]);

test("a line of rounds is one lane", () => {
  const rows = lineageRows([model("c", "b", "3"), model("b", "a", "2"), model("a", null, "1")]);
  expect(drawn(rows)).toEqual([
    ["a", 0, null, true, []],
    ["b", 0, 0, true, []],
    ["c", 0, 0, false, []],
  ]);
});

test("older children branch off while their parent's line passes by to the newest", () => {
  const rows = lineageRows([
    model("a", null, "1"),
    model("held", "a", "2"),
    model("b", "a", "3"),
    model("held-child", "held", "4"),
    model("other", null, "5"),
  ]);
  expect(drawn(rows)).toEqual([
    ["a", 0, null, true, []],
    ["held", 1, 0, true, [0]],
    ["held-child", 1, 1, false, [0]],
    ["b", 0, 0, false, []],
    ["other", 0, null, false, []],
  ]);
});

test("an orphan stands at the root", () => {
  expect(lineageRows([model("x", "gone", "1")])).toMatchObject([{ lane: 0, from: null }]);
});
