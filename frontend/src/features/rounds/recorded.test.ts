import { expect, test } from "vitest";
import type { RecordedRun } from "../../api/types";
import { provenance, sameObjects, stageThree } from "./recorded";

const generation = (model: "first" | "last", precision: Record<string, number>) => ({
  model,
  images: 12,
  generated: 1,
  truths: 1,
  precision,
  recall: {},
});

test("stage 3 comes by IoU level, and a model that was not measured leaves a gap", () => {
  const run = { generations: [generation("last", { "0.9": 0.1, "0.5": 0.4 })] };
  expect(stageThree(run, "precision")).toEqual([
    { level: "0.5", first: null, last: 0.4 },
    { level: "0.9", first: null, last: 0.1 },
  ]);
  expect(stageThree({ generations: [] }, "recall")).toEqual([]);
});

test("the same objects are told in pairs or not at all", () => {
  const drawing = (model: "first" | "last", seconds: number) => ({
    model,
    masks: 120,
    seconds_per_mask: seconds,
    clicks_per_mask: 2,
  });
  const [first, last] = [drawing("first", 6.04), drawing("last", 4.25)];
  expect(sameObjects({ drawings: [first, last] })).toMatch(
    /same 120 objects .* 6\.0 s a mask .* 4\.[23] s with the last/,
  );
  expect(sameObjects({ drawings: [last] })).toBeNull();
  expect(sameObjects({ drawings: [] })).toBeNull();
});

test("a run says when, where and with what it was made, on the day it was made everywhere", () => {
  const run: Omit<RecordedRun, "rounds" | "generations" | "drawings"> = {
    made_on: "2026-11-22",
    machine: "2 CPU cores",
    command: "maskloom simulate nuclei",
    data: "nuclei",
    software: { version: "0.1.0", commit: "0123456789abcdef" },
    images: 40,
    wall_s: 630,
  };
  expect(provenance(run)).toEqual([
    "November 22, 2026",
    "2 CPU cores",
    "40 images in 10 min 30 s",
    "Maskloom 0.1.0 (0123456789)",
  ]);
  expect(provenance({ ...run, software: { version: "0.1.0", commit: null } })[3]).toBe("Maskloom 0.1.0");
});
