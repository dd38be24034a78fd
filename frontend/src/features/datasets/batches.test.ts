import { expect, test } from "vitest";
import { planBatches } from "./batches";

const file = (name: string, size = 1) => ({ name, size });

test("a few files with their annotations go in one request", () => {
  const plan = planBatches([file("coco.json"), file("a.jpg"), file("b.jpg")]);
  expect(plan).toHaveLength(1);
  expect(plan[0]?.files.map((one) => one.name)).toEqual(["a.jpg", "b.jpg", "coco.json"]);
});

test("many files are cut by number and by size, annotations last", () => {
  const plan = planBatches([file("c.json"), file("a.jpg", 6), file("b.jpg", 6), file("d.jpg", 2)], {
    files: 2,
    bytes: 10,
  });
  expect(plan.map((batch) => batch.files.map((one) => one.name))).toEqual([["a.jpg"], ["b.jpg", "d.jpg"], ["c.json"]]);
  expect(plan.map((batch) => batch.late)).toEqual([false, false, true]);
});

test("one file larger than a request still goes, alone", () => {
  expect(planBatches([file("huge.zip", 999)], { files: 2, bytes: 10 })).toHaveLength(1);
});

test("nothing makes no request", () => {
  expect(planBatches([])).toEqual([]);
});
