/**
 * Binary masks as run lengths: column-major (down each column, then the next), starting with a run of zeros that may be empty.
 * That is COCO's order, so `rle.ts` only has to change the spelling. A `Runs` is never changed after it was made.
 */
import type { ImageBox, ImagePoint, Size } from "./points";

export type Runs = { readonly h: number; readonly w: number; readonly counts: Uint32Array };

export const emptyRuns = (size: Size): Runs => ({ h: size.h, w: size.w, counts: Uint32Array.of(size.h * size.w) });

/** Gathers runs in ascending order; neighbours and overlaps with the last run are joined. */
export class RunWriter {
  private counts: Uint32Array;
  private used = 0;
  /** End of the last run of ones. */
  private end = 0;

  constructor(private readonly size: Size) {
    this.counts = new Uint32Array(256);
  }

  /** Adds the ones [start, end), positions in column-major order; start must not lie before an earlier start. */
  add(start: number, end: number): void {
    if (end <= start) return;
    if (this.used > 0 && start <= this.end) {
      if (end > this.end) {
        this.counts[this.used - 1] = (this.counts[this.used - 1] as number) + (end - this.end);
        this.end = end;
      }
      return;
    }
    if (this.used + 2 >= this.counts.length) {
      const larger = new Uint32Array(this.counts.length * 2);
      larger.set(this.counts);
      this.counts = larger;
    }
    this.counts[this.used++] = start - this.end;
    this.counts[this.used++] = end - start;
    this.end = end;
  }

  finish(): Runs {
    const total = this.size.h * this.size.w;
    if (this.end < total || this.used === 0) this.counts[this.used++] = total - this.end;
    return { h: this.size.h, w: this.size.w, counts: this.counts.slice(0, this.used) };
  }
}

/** Calls `visit(start, end)` for every run of ones. */
export function forEachRun(runs: Runs, visit: (start: number, end: number) => void): void {
  const { counts } = runs;
  for (let i = 1, at = counts[0] ?? 0; i < counts.length; i += 2) {
    const ones = counts[i] as number;
    if (ones > 0) visit(at, at + ones);
    at += ones + (counts[i + 1] ?? 0);
  }
}

export function areaOf(runs: Runs): number {
  let area = 0;
  for (let i = 1; i < runs.counts.length; i += 2) area += runs.counts[i] as number;
  return area;
}

/** Pixel extent [x0, y0, x1, y1], both ends inclusive; null for an empty mask. */
export function extentOf(runs: Runs): ImageBox | null {
  const { h } = runs;
  let [x0, y0, x1, y1] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, -1, -1];
  forEachRun(runs, (start, end) => {
    const [first, last] = [Math.floor(start / h), Math.floor((end - 1) / h)];
    x0 = Math.min(x0, first);
    x1 = Math.max(x1, last);
    if (last > first) {
      y0 = 0;
      y1 = h - 1;
    } else {
      y0 = Math.min(y0, start - first * h);
      y1 = Math.max(y1, end - 1 - last * h);
    }
  });
  return x1 < 0 ? null : [x0, y0, x1, y1];
}

const offsets = new WeakMap<Runs, Uint32Array>();

/** Ends of all runs, for binary search; kept as long as the mask lives. */
function endsOf(runs: Runs): Uint32Array {
  const known = offsets.get(runs);
  if (known) return known;
  const ends = new Uint32Array(runs.counts.length);
  let at = 0;
  for (let i = 0; i < ends.length; i++) {
    at += runs.counts[i] as number;
    ends[i] = at;
  }
  offsets.set(runs, ends);
  return ends;
}

/** Whether the pixel under a continuous image position belongs to the mask. */
export function contains(runs: Runs, point: ImagePoint): boolean {
  const [x, y] = [Math.floor(point.x), Math.floor(point.y)];
  if (x < 0 || y < 0 || x >= runs.w || y >= runs.h) return false;
  const at = x * runs.h + y;
  const ends = endsOf(runs);
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] as number) > at) high = middle;
    else low = middle + 1;
  }
  return low % 2 === 1;
}

/** The part of a mask inside a box of whole pixels, exclusive on the right and below, as a mask of the box's size. */
export function cutOut(runs: Runs, [x0, y0, x1, y1]: ImageBox): Runs {
  const size = { h: y1 - y0, w: x1 - x0 };
  const writer = new RunWriter(size);
  forEachColumn(runs, (x, top, bottom) => {
    if (x < x0 || x >= x1) return;
    const start = (x - x0) * size.h;
    writer.add(start + Math.max(top - y0, 0), start + Math.min(bottom - y0, size.h));
  });
  return writer.finish();
}

/** A mask as part of a larger one, its top left pixel at (x0, y0). */
export function placeIn(runs: Runs, size: Size, [x0, y0]: ImageBox): Runs {
  if (runs.h === size.h && runs.w === size.w) return runs;
  const writer = new RunWriter(size);
  forEachColumn(runs, (x, top, bottom) => {
    const start = (x + x0) * size.h + y0;
    writer.add(start + top, start + bottom);
  });
  return writer.finish();
}

/** Calls `visit(x, top, bottom)` for the ones [top, bottom) of every column, split where a run goes on in the next column. */
export function forEachColumn(runs: Runs, visit: (x: number, top: number, bottom: number) => void): void {
  forEachRun(runs, (start, end) => {
    for (let at = start; at < end; ) {
      const x = Math.floor(at / runs.h);
      const stop = Math.min(end, (x + 1) * runs.h);
      visit(x, at - x * runs.h, stop - x * runs.h);
      at = stop;
    }
  });
}

/** Zeros for ones and ones for zeros. */
export function complement({ h, w, counts }: Runs): Runs {
  if (counts[0] === 0) return { h, w, counts: counts.slice(1) };
  const longer = new Uint32Array(counts.length + 1);
  longer.set(counts, 1);
  return { h, w, counts: longer };
}

type Operation = "union" | "subtract" | "intersect";

/** Combines two masks of one size, run by run. */
export function combine(a: Runs, b: Runs, operation: Operation): Runs {
  if (a.h !== b.h || a.w !== b.w)
    throw new Error(`Masks of ${a.w}x${a.h} and ${b.w}x${b.h} pixels cannot be combined.`);
  const writer = new RunWriter(a);
  const [endsA, endsB] = [endsOf(a), endsOf(b)];
  const total = a.h * a.w;
  let [at, i, j] = [0, 0, 0];
  while (at < total) {
    const [endA, endB] = [endsA[i] ?? total, endsB[j] ?? total];
    const next = Math.min(endA, endB);
    const [inA, inB] = [i % 2 === 1, j % 2 === 1];
    const one = operation === "union" ? inA || inB : operation === "subtract" ? inA && !inB : inA && inB;
    if (one) writer.add(at, next);
    at = next;
    if (endA === next) i++;
    if (endB === next) j++;
  }
  return writer.finish();
}

export function iou(a: Runs, b: Runs): number {
  const shared = areaOf(combine(a, b, "intersect"));
  const either = areaOf(a) + areaOf(b) - shared;
  return either === 0 ? 1 : shared / either;
}

export function sameRuns(a: Runs, b: Runs): boolean {
  return (
    a.h === b.h && a.w === b.w && a.counts.length === b.counts.length && a.counts.every((n, i) => n === b.counts[i])
  );
}

/** Row-major 0/1 pixels to runs. */
export function runsOfPixels(pixels: ArrayLike<number | boolean>, size: Size): Runs {
  const writer = new RunWriter(size);
  for (let x = 0; x < size.w; x++) {
    for (let y = 0; y < size.h; y++) {
      if (pixels[y * size.w + x]) writer.add(x * size.h + y, x * size.h + y + 1);
    }
  }
  return writer.finish();
}

/** Row-major 0/1 pixels of a mask. */
export function pixelsOf(runs: Runs): Uint8Array {
  const pixels = new Uint8Array(runs.h * runs.w);
  forEachRun(runs, (start, end) => {
    for (let at = start; at < end; at++) pixels[(at % runs.h) * runs.w + Math.floor(at / runs.h)] = 1;
  });
  return pixels;
}
