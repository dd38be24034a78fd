/**
 * Details: parts of an image with an embedding of their own, for objects that the whole image's grid is too coarse for.
 *
 * At level L a detail is a 2**L-th of the image wide and high, and details follow each other at half their size, so that anything up
 * to half as large as they are lies whole in one of them. Level 0 is the image itself. The same as engine/geometry.py; both read
 * tests/golden/frames.json.
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
    const [row, column] = [nearest(y0, y1, image.h, level), nearest(x0, x1, image.w, level)];
    const [left, right] = extent(column, image.w, level);
    const [top, bottom] = extent(row, image.h, level);
    if (left <= x0 && top <= y0 && x1 <= right && y1 <= bottom) {
      return { level, key: `${level}-${row}-${column}`, box: [left, top, right, bottom] };
    }
  }
  return wholeOf(image);
}

function deepestLevel({ h, w }: Size): number {
  let level = 0;
  while (level < LEVELS && Math.min(h, w) >= LEAST.short << (level + 1) && Math.max(h, w) >= LEAST.long << (level + 1))
    level++;
  return level;
}

/** Of the details along an axis, the one whose middle is nearest to that of [start, end). */
function nearest(start: number, end: number, side: number, level: number): number {
  const steps = 2 ** (level + 1);
  return clamp(Math.floor((((start + end) / 2) * steps) / side - 0.5), 0, steps - 2);
}

function extent(step: number, side: number, level: number): [number, number] {
  const steps = 2 ** (level + 1);
  return [Math.floor((step * side) / steps), Math.floor(((step + 2) * side) / steps)];
}
