import { expect, test } from "vitest";
import goldenJson from "../../../tests/golden/frames.json";
import { smallestDetail } from "./details";
import { framesOf, imageToModel } from "./frames";
import { maskPrompt, rasterise } from "./masks";
import { imagePoint, type Size } from "./points";
import { areaOf, pixelsOf, runsOfPixels } from "./runs";
import { gridOf, upsample } from "./upsample";

type Golden = {
  frames: {
    image: Size;
    model_size: number;
    scale: number;
    input: Size;
    low_res: number;
    points: { image: number[]; model: number[] }[];
  }[];
  upsample: { image: Size; model_size: number; low_res: number[][]; logits: number[][] }[];
  details: { image: Size; box: [number, number, number, number]; key: string; extent: number[] }[];
  mask_prompts: { image: Size; model_size: number; rows: string[]; logits: number[][] }[];
};
const golden = goldenJson as Golden;

test.each(golden.frames)("frames of $image.w x $image.h in $model_size as in Python", (expected) => {
  const frames = framesOf(expected.image, expected.model_size);
  expect(frames.scale).toBeCloseTo(expected.scale, 12);
  expect(frames.input).toEqual(expected.input);
  expect(frames.lowRes).toBe(expected.low_res);
  for (const { image, model } of expected.points) {
    const point = imageToModel(frames, imagePoint(image[0] as number, image[1] as number));
    expect(point.x).toBeCloseTo(model[0] as number, 9);
    expect(point.y).toBeCloseTo(model[1] as number, 9);
  }
});

test.each(golden.upsample)("low_res logits reach $image.w x $image.h as in Python", (expected) => {
  const logits = Float32Array.from(expected.low_res.flat());
  const grid = gridOf(framesOf(expected.image, expected.model_size));
  const wanted = expected.logits.flat();
  const got = upsample(logits, grid);
  const worst = wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - (got[i] as number))), 0);
  expect(worst).toBeLessThan(1e-4);
  const { runs, stability } = rasterise(logits, grid);
  const clear = wanted.map((value) => Math.abs(value) > 1e-4);
  const mask = [...pixelsOf(runs)];
  expect(mask.filter((_, i) => clear[i])).toEqual(wanted.flatMap((v, i) => (clear[i] ? [v > 0 ? 1 : 0] : [])));
  const above = (cut: number) => wanted.filter((value) => value > cut).length;
  const cut = Math.log(0.8 / 0.2);
  expect(stability).toBeCloseTo(above(cut) / above(-cut), 6);
});

test("a preview samples the middle of its steps", () => {
  const { image, model_size, low_res, logits } = golden.upsample[3] as Golden["upsample"][number];
  const grid = gridOf(framesOf(image, model_size), 4);
  const coarse = upsample(Float32Array.from(low_res.flat()), grid);
  expect([grid.y.length, grid.x.length]).toEqual([12, 16]);
  expect(coarse[2 * 16 + 5]).toBeCloseTo(logits[10]?.[22] as number, 4);
});

test.each(golden.mask_prompts)("a mask of $image.w x $image.h becomes a prompt as in Python", (expected) => {
  const mask = runsOfPixels([...expected.rows.join("")].map(Number), expected.image);
  const prompt = maskPrompt(mask, framesOf(expected.image, expected.model_size));
  const wanted = expected.logits.flat();
  expect(prompt).toHaveLength(wanted.length);
  const worst = wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - (prompt[i] as number))), 0);
  expect(worst).toBeLessThan(1e-4);
});

test("a stored mask becomes a prompt: certain inside, certain outside, graded at the edge", () => {
  const frames = framesOf({ h: 32, w: 64 }, 64);
  const pixels = Array.from({ length: 32 * 64 }, (_, i) => (i % 64 >= 10 && i % 64 < 32 ? 1 : 0));
  const prompt = maskPrompt(runsOfPixels(pixels, frames.image), frames);
  const row = [...prompt.slice(16, 32)];
  expect(row.slice(0, 9)).toEqual([-10, -10, 0, 10, 10, 10, 10, 10, -10]);
  expect([...prompt.slice(8 * 16)]).toEqual(Array(128).fill(-10));
  expect(
    areaOf(
      runsOfPixels(
        prompt.map((v) => (v > 0 ? 1 : 0)),
        { h: 16, w: 16 },
      ),
    ),
  ).toBe(5 * 8);
});

test.each(golden.details)(
  "the detail of $image.w x $image.h around $box as in Python",
  ({ image, box, key, extent }) => {
    expect(smallestDetail(image, box)).toEqual({ level: Number(key[0]), key, box: extent });
  },
);
