/**
 * low_res logits to image pixels: bilinear to the model frame, crop to the input, bilinear to the image.
 *
 * Both steps are half-pixel centred and clamped at the border (align_corners=False), and both are separable, so along one axis
 * they collapse into one sparse row per output pixel: at most four neighbouring low_res samples. That is what an `Axis` holds.
 */
import type { Frames } from "./frames";

export const TAPS = 4;

/** Output i = sum over t < TAPS of weight[TAPS*i + t] * low_res[index[TAPS*i + t]]. */
export type Axis = { readonly length: number; readonly index: Int32Array; readonly weight: Float32Array };

type Sample = { i0: number; i1: number; w1: number };

/** Where output pixel `i` of a resize `from` -> `to` reads its source. */
function bilinear(i: number, from: number, to: number): Sample {
  const source = Math.max((i + 0.5) * (from / to) - 0.5, 0);
  const i0 = Math.min(Math.floor(source), from - 1);
  return { i0, i1: Math.min(i0 + 1, from - 1), w1: source - i0 };
}

/**
 * The axis of the composed resize lowRes -> modelSize, crop to `input`, -> `output`, sampled at every `step`-th output pixel
 * (its middle one), so that previews of large images stay cheap.
 */
export function axis(lowRes: number, modelSize: number, input: number, output: number, step = 1): Axis {
  const length = Math.ceil(output / step);
  const index = new Int32Array(length * TAPS);
  const weight = new Float32Array(length * TAPS);
  for (let i = 0; i < length; i++) {
    const at = Math.min(i * step + Math.floor(step / 2), output - 1);
    const outer = bilinear(at, input, output);
    const first = bilinear(outer.i0, lowRes, modelSize);
    const second = bilinear(outer.i1, lowRes, modelSize);
    const k = i * TAPS;
    index.set([first.i0, first.i1, second.i0, second.i1], k);
    weight.set(
      [(1 - outer.w1) * (1 - first.w1), (1 - outer.w1) * first.w1, outer.w1 * (1 - second.w1), outer.w1 * second.w1],
      k,
    );
  }
  return { length, index, weight };
}

/** The axes of an image: x along its width, y along its height. */
export type Grid = {
  readonly x: Axis;
  readonly y: Axis;
  /** Which output rows a low_res row reaches. */
  readonly reach: { readonly first: Int32Array; readonly end: Int32Array };
  readonly lowRes: number;
  readonly step: number;
};

export function gridOf(frames: Frames, step = 1): Grid {
  const { lowRes, modelSize, input, image } = frames;
  const y = axis(lowRes, modelSize, input.h, image.h, step);
  return { x: axis(lowRes, modelSize, input.w, image.w, step), y, reach: reachOf(y, lowRes), lowRes, step };
}

/** First step of an output column: its low_res column, between low_res rows. Fills `out` (length lowRes). */
export function gatherColumn(logits: Float32Array, { x, lowRes }: Grid, column: number, out: Float32Array): void {
  const k = column * TAPS;
  const [a, b, c, d] = [...x.index.subarray(k, k + TAPS)] as [number, number, number, number];
  const [p, q, r, s] = [...x.weight.subarray(k, k + TAPS)] as [number, number, number, number];
  for (let row = 0, at = 0; row < lowRes; row++, at += lowRes) {
    out[row] =
      (logits[at + a] as number) * p +
      (logits[at + b] as number) * q +
      (logits[at + c] as number) * r +
      (logits[at + d] as number) * s;
  }
}

/** Second step: rows [from, to) of the output column out of its gathered low_res column. Fills `out` (length y.length). */
export function spreadColumn(gathered: Float32Array, { y }: Grid, from: number, to: number, out: Float32Array): void {
  const { index, weight } = y;
  for (let i = from, t = from * TAPS; i < to; i++, t += TAPS) {
    out[i] =
      (gathered[index[t] as number] as number) * (weight[t] as number) +
      (gathered[index[t + 1] as number] as number) * (weight[t + 1] as number) +
      (gathered[index[t + 2] as number] as number) * (weight[t + 2] as number) +
      (gathered[index[t + 3] as number] as number) * (weight[t + 3] as number);
  }
}

/** For each low_res row, the first output row that reads it and the one after the last; empty where none does. */
function reachOf({ index, length }: Axis, lowRes: number): { first: Int32Array; end: Int32Array } {
  const first = new Int32Array(lowRes).fill(length);
  const end = new Int32Array(lowRes);
  for (let i = 0; i < length; i++) {
    for (let t = i * TAPS; t < (i + 1) * TAPS; t++) {
      const row = index[t] as number;
      first[row] = Math.min(first[row] as number, i);
      end[row] = Math.max(end[row] as number, i + 1);
    }
  }
  return { first, end };
}

/** All image logits, row-major (h, w). For tests and small images; masks are made column by column without it. */
export function upsample(logits: Float32Array, grid: Grid): Float32Array {
  const [h, w] = [grid.y.length, grid.x.length];
  const image = new Float32Array(h * w);
  const scratch = new Float32Array(grid.lowRes);
  const column = new Float32Array(h);
  for (let x = 0; x < w; x++) {
    gatherColumn(logits, grid, x, scratch);
    spreadColumn(scratch, grid, 0, h, column);
    for (let y = 0; y < h; y++) image[y * w + x] = column[y] as number;
  }
  return image;
}
