import { expect, test } from "vitest";
import goldenJson from "../../../tests/golden/specks.json";
import type { PointPrompt, Prompt } from "./prompts";
import { complement, pixelsOf, type Runs, runsOfPixels, sameRuns } from "./runs";
import { withoutSpecks } from "./specks";

type Golden = { cases: { name: string; rows: string[]; clicks: number[][]; cleaned: string[] }[] };
const golden = goldenJson as Golden;

const sizeOf = (rows: readonly string[]) => ({ h: rows.length, w: (rows[0] as string).length });
const runsOf = (rows: readonly string[]) => runsOfPixels([...rows.join("")].map(Number), sizeOf(rows));
const textOf = (runs: Runs) => {
  const pixels = [...pixelsOf(runs)].join("");
  return Array.from({ length: runs.h }, (_, y) => pixels.slice(y * runs.w, (y + 1) * runs.w));
};
const clicksOf = (clicks: readonly number[][]) =>
  clicks.map(([x, y, label]) => ({ type: "point", x, y, label }) as PointPrompt);

test.each(golden.cases)("$name, as in Python", ({ rows, clicks, cleaned }) => {
  const runs = runsOf(rows);
  const clean = withoutSpecks(runs, clicksOf(clicks));
  expect(textOf(clean)).toEqual(cleaned);
  expect(sameRuns(clean, runsOf(cleaned))).toBe(true);
});

test("clicks find their pixel in a preview, and boxes and masks are no clicks", () => {
  const { rows, clicks } = golden.cases.find(
    ({ name }) => name === "a speck that is clicked stays",
  ) as Golden["cases"][0];
  const runs = runsOf(rows);
  const coarse = clicksOf(clicks).map((click) => ({ ...click, x: click.x * 4 + 3, y: click.y * 4 + 2 }));
  expect(sameRuns(withoutSpecks(runs, coarse, 4), runs)).toBe(true);
  const others: Prompt[] = [{ type: "mask" }, { type: "box", box: [9, 7, 10, 8] }];
  expect(sameRuns(withoutSpecks(runs, others), runs)).toBe(false);
});

test("the complement has every pixel the mask has not", () => {
  for (const { rows } of golden.cases) {
    const runs = runsOf(rows);
    expect([...pixelsOf(complement(runs))]).toEqual([...pixelsOf(runs)].map((pixel) => 1 - pixel));
    expect(sameRuns(complement(complement(runs)), runs)).toBe(true);
  }
});
