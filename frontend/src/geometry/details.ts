/**
 * Details: parts of an image with an embedding of their own, for objects that the whole image's grid is too coarse for.
 *
 * At level L a detail is a 2**L-th of the image's long side, and so of the short one, but that a panorama is first cut into squarer
 * parts. Details follow each other at half their size, so that anything up to half as large as they are lies whole in one of them.
 * Level 0 is the image itself. The same as engine/geometry.py; both read tests/golden/frames.json.
 */
import { clamp, type ImageBox, type Size } from "./points";

const LEVELS = 4;
/** Short and long side of a detail, at least; smaller ones show a model nothing new. */
const LEAST = { short: 16, long: 256 } as const;

export type Detail = {
  readonly level: number;
  /** Its name in addresses: level, row and column, as in 2-0-5. */
  readonly key: string;
  /** In pixels of the image, exclusive on the right and below. */
  readonly box: ImageBox;
};

/** The key of the image itself. */
export const WHOLE = "0-0-0";

export const wholeOf = (image: Size): Detail => ({ level: 0, key: WHOLE, box: [0, 0, image.w, image.h] });

/** The smallest detail that holds a box (exclusive on the right and below). */
export function smallestDetail(image: Size, [x0, y0, x1, y1]: ImageBox): Detail {
  for (let level = deepestLevel(image); level > 0; level--) {
    const [down, across] = halvings(image, level);
    const [row, column] = [nearest(y0, y1, image.h, down), nearest(x0, x1, image.w, across)];
    const [left, right] = extent(column, image.w, across);
    const [top, bottom] = extent(row, image.h, down);
    if (left <= x0 && top <= y0 && x1 <= right && y1 <= bottom) {
      return { level, key: `${level}-${row}-${column}`, box: [left, top, right, bottom] };
    }
  }
  return wholeOf(image);
}

function deepestLevel(image: Size): number {
  const [short, long] = [Math.min(image.h, image.w), Math.max(image.h, image.w)];
  let level = 0;
  while (
    level < LEVELS &&
    short >= LEAST.short << Math.min(...halvings(image, level + 1)) &&
    long >= LEAST.long << (level + 1)
  )
    level++;
  return level;
}

/** How often height and width are halved at a level: the short side once less for every time that it goes twice into the long one. */
function halvings({ h, w }: Size, level: number): [down: number, across: number] {
  const fewer = Math.max(0, level - Math.floor(Math.log2(Math.max(h, w) / Math.min(h, w))));
  return h > w ? [level, fewer] : [fewer, level];
}

/** Of the details along an axis, the one whose middle is nearest to that of [start, end). */
function nearest(start: number, end: number, side: number, times: number): number {
  const steps = 2 ** (times + 1);
  return clamp(Math.floor((((start + end) / 2) * steps) / side - 0.5), 0, steps - 2);
}

function extent(step: number, side: number, times: number): [number, number] {
  const steps = 2 ** (times + 1);
  return [Math.floor((step * side) / steps), Math.floor(((step + 2) * side) / steps)];
}
