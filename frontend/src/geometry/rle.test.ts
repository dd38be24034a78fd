import { expect, test } from "vitest";
import goldenJson from "../../../tests/golden/rle.json";
import { decodeRle, encodeRle } from "./rle";
import { areaOf, combine, extentOf, iou, pixelsOf, type Runs, runsOfPixels } from "./runs";

type Golden = {
  masks: { name: string; size: number[]; counts: string; rows: string[]; area: number; coco_bbox: number[] }[];
  pairs: { size: number[]; a: string; b: string; iou: number; union: string; intersection: string }[];
};
const golden = goldenJson as Golden;

test.each(golden.masks)("$name: same text and pixels as pycocotools", ({ size, counts, rows, area, coco_bbox }) => {
  const [h, w] = size as [number, number];
  const pixels = rows.join("").split("").map(Number);
  const runs = runsOfPixels(pixels, { h, w });
  expect(encodeRle(runs)).toEqual({ size, counts });
  expect([...pixelsOf(decodeRle({ size, counts }))]).toEqual(pixels);
  expect(areaOf(runs)).toBe(area);
  const extent = extentOf(runs);
  const box = extent ? [extent[0], extent[1], extent[2] - extent[0] + 1, extent[3] - extent[1] + 1] : [0, 0, 0, 0];
  expect(box).toEqual(coco_bbox);
});

test.each(golden.pairs)("pairs combine as in pycocotools", ({ size, a, b, iou: expected, union, intersection }) => {
  const [first, second] = [decodeRle({ size, counts: a }), decodeRle({ size, counts: b })] as [Runs, Runs];
  expect(iou(first, second)).toBeCloseTo(expected, 12);
  expect(encodeRle(combine(first, second, "union")).counts).toBe(union);
  expect(encodeRle(combine(first, second, "intersect")).counts).toBe(intersection);
  const rest = combine(first, second, "subtract");
  expect(areaOf(rest)).toBe(areaOf(first) - areaOf(combine(first, second, "intersect")));
});

test("a large mask survives the round trip", () => {
  const runs = { h: 6000, w: 8000, counts: Uint32Array.of(20_000_000, 17_000_000, 3, 1, 47_999_999 - 37_000_003) };
  expect(decodeRle(encodeRle(runs))).toEqual(runs);
});

test("damaged text is refused with a sentence", () => {
  expect(() => decodeRle({ size: [4, 4], counts: "5" })).toThrow(/covers 5 pixels, its size is 4 x 4/);
  expect(() => decodeRle({ size: [4, 4], counts: "`" })).toThrow(/ends in the middle/);
});
