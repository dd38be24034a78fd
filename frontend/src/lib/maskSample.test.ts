import { expect, test } from "vitest";
import { focusRegion, sampleRuns } from "./maskSample";

// [[0,1,1,0],[0,1,1,0],[0,0,1,0]], runs down the columns.
const SMALL = { h: 3, w: 4, counts: Uint32Array.from([3, 2, 1, 3, 3]) };
const FULL = { x: 0, y: 0, width: 4, height: 3 };

test("at full size the sample is the mask", () => {
  expect([...sampleRuns(SMALL, FULL, 4, 3)]).toEqual([0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0]);
});

test("enlarging repeats pixels", () => {
  const big = sampleRuns(SMALL, FULL, 8, 6);
  expect([...big.slice(0, 8)]).toEqual([0, 0, 1, 1, 1, 1, 0, 0]);
  expect([...big.slice(40, 48)]).toEqual([0, 0, 0, 0, 1, 1, 0, 0]);
});

test("a region beyond the image is empty there", () => {
  const part = sampleRuns(SMALL, { x: 2, y: 1, width: 4, height: 4 }, 4, 4);
  expect([...part]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
});

test("the focus holds the box, keeps the aspect and stays inside the image", () => {
  const region = focusRegion([600, 10, 30, 20], { width: 640, height: 480 }, 1.5);
  expect(region.width / region.height).toBeCloseTo(1.5);
  expect(region.x + region.width).toBeLessThanOrEqual(640);
  expect(region.x).toBeLessThanOrEqual(600);
  expect(region.y).toBe(0);
});

test("a box as large as the image shows the whole image, centred", () => {
  const region = focusRegion([0, 0, 640, 480], { width: 640, height: 480 }, 2);
  expect(region.height).toBeCloseTo(480);
  expect(region.x).toBeCloseTo((640 - region.width) / 2);
});
