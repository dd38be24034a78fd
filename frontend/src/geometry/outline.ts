/**
 * The part of a mask worth drawing: its pixels inside its own extent, thinned for very large masks, and the boundary between ones
 * and zeros as closed loops along pixel edges.
 */
import { extentOf, forEachColumn, type Runs } from "./runs";

/** Longest side of a patch; larger masks are drawn at every second, third... pixel. */
const MAX_SIDE = 1024;

export type Patch = {
  /** Top left corner and step in pixels of the runs. */
  readonly x: number;
  readonly y: number;
  readonly step: number;
  readonly h: number;
  readonly w: number;
  /** Row-major 0/1. */
  readonly pixels: Uint8Array;
};

/** null for an empty mask. */
export function patchOf(runs: Runs, maxSide = MAX_SIDE): Patch | null {
  const extent = extentOf(runs);
  if (!extent) return null;
  const [x0, y0, x1, y1] = extent;
  const step = Math.max(1, Math.ceil(Math.max(x1 - x0 + 1, y1 - y0 + 1) / maxSide));
  const h = Math.ceil((y1 - y0 + 1) / step);
  const w = Math.ceil((x1 - x0 + 1) / step);
  const pixels = new Uint8Array(h * w);
  forEachColumn(runs, (x, top, bottom) => {
    const column = x - x0;
    if (column % step !== 0) return;
    const first = Math.ceil((top - y0) / step);
    const last = Math.ceil((bottom - y0) / step);
    for (let row = first; row < last; row++) pixels[row * w + column / step] = 1;
  });
  return { x: x0, y: y0, step, h, w, pixels };
}

/** Right, down, left, up: a loop walks with the ones on its right hand. */
const DX = [1, 0, -1, 0] as const;
const DY = [0, 1, 0, -1] as const;

/**
 * Closed loops of corner points [x0, y0, x1, y1, ...] in the runs' pixels, one per outer boundary and hole. Filling them with the
 * even-odd rule gives the patch back.
 */
export function loopsOf(patch: Patch): Float32Array[] {
  const { h, w, pixels } = patch;
  const at = (x: number, y: number) => x >= 0 && y >= 0 && x < w && y < h && pixels[y * w + x] === 1;
  // Top edges already walked; every loop has one, since it must turn right along some top edge.
  const walked = new Uint8Array(h * w);
  const loops: Float32Array[] = [];
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      if (at(x, y) && !at(x, y - 1) && !walked[y * w + x]) loops.push(walk(patch, x, y, at, walked));
    }
  }
  return loops;
}

function walk(
  patch: Patch,
  startX: number,
  startY: number,
  at: (x: number, y: number) => boolean,
  walked: Uint8Array,
): Float32Array {
  const corners: number[] = [];
  let [x, y, direction] = [startX, startY, 0];
  do {
    if (direction === 0) walked[y * patch.w + x] = 1;
    x += DX[direction] as number;
    y += DY[direction] as number;
    const next = turn(x, y, direction, at);
    if (next !== direction) corners.push(patch.x + x * patch.step, patch.y + y * patch.step);
    direction = next;
  } while (x !== startX || y !== startY || direction !== 0);
  return Float32Array.from(corners);
}

/** At corner (x, y), having come along `direction`: keeps the ones on the right; touching pixels are kept apart (4-connected). */
function turn(x: number, y: number, direction: number, at: (x: number, y: number) => boolean): number {
  const ahead: [boolean, boolean] =
    direction === 0
      ? [at(x, y - 1), at(x, y)]
      : direction === 1
        ? [at(x, y), at(x - 1, y)]
        : direction === 2
          ? [at(x - 1, y), at(x - 1, y - 1)]
          : [at(x - 1, y - 1), at(x, y - 1)];
  const [left, right] = ahead;
  if (!right) return (direction + 1) % 4;
  return left ? (direction + 3) % 4 : direction;
}
