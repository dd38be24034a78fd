/** From decoder logits to masks and back: thresholding at > 0, stability, and a stored mask as a mask prompt. */
import type { Frames } from "./frames";
import { forEachColumn, type Runs, RunWriter } from "./runs";
import { type Grid, gatherColumn, spreadColumn } from "./upsample";

/** Probability margin of the stability score (0.5 + delta against 0.5 - delta) and the logit it stands for. */
export const STABILITY_DELTA = 0.3;
const STABILITY_LOGIT = Math.log((0.5 + STABILITY_DELTA) / (0.5 - STABILITY_DELTA));

/** Logit written for certain pixels when a finished mask is shown to the decoder as a prompt. */
const PROMPT_LOGIT = 10;

export type Raster = { readonly runs: Runs; readonly stability: number };

/**
 * low_res logits (lowRes x lowRes, row-major) to the mask on the grid's pixels, logit > 0, without ever holding the image's logits.
 * Stability is the IoU of the masks cut at the two probability thresholds, 0 where neither has a pixel.
 */
export function rasterise(logits: Float32Array, grid: Grid): Raster {
  const [h, w] = [grid.y.length, grid.x.length];
  const writer = new RunWriter({ h, w });
  const scratch = new Float32Array(grid.lowRes);
  const column = new Float32Array(h);
  let [certain, possible] = [0, 0];
  for (let x = 0; x < w; x++) {
    gatherColumn(logits, grid, x, scratch);
    // Interpolation stays between its samples: rows that read nothing possible need not be computed.
    const [top, bottom] = possibleRows(scratch, grid);
    spreadColumn(scratch, grid, top, bottom, column);
    let start = -1;
    for (let y = top; y < bottom; y++) {
      const logit = column[y] as number;
      if (logit > -STABILITY_LOGIT) {
        possible++;
        if (logit > STABILITY_LOGIT) certain++;
      }
      if (logit > 0) {
        if (start < 0) start = y;
      } else if (start >= 0) {
        writer.add(x * h + start, x * h + y);
        start = -1;
      }
    }
    if (start >= 0) writer.add(x * h + start, x * h + bottom);
  }
  return { runs: writer.finish(), stability: possible === 0 ? 0 : certain / possible };
}

/** Output rows [top, bottom) that read a low_res value above the lower stability threshold. */
function possibleRows(gathered: Float32Array, { reach, lowRes, y }: Grid): [number, number] {
  let [top, bottom] = [y.length, 0];
  for (let row = 0; row < lowRes; row++) {
    if ((gathered[row] as number) <= -STABILITY_LOGIT) continue;
    top = Math.min(top, reach.first[row] as number);
    bottom = Math.max(bottom, reach.end[row] as number);
  }
  return [top, bottom];
}

/**
 * A mask of image pixels as low_res logits (lowRes x lowRes): the share of each cell that the mask covers, from -10 (none) to 10
 * (all). Cells outside the image are -10.
 */
export function maskPrompt(runs: Runs, frames: Frames): Float32Array {
  const side = frames.lowRes;
  const toX = (frames.input.w / frames.image.w) * (side / frames.modelSize);
  const toY = (frames.input.h / frames.image.h) * (side / frames.modelSize);
  const covered = new Float32Array(side * side);
  forEachColumn(runs, (x, top, bottom) => addColumn(covered, side, x * toX, (x + 1) * toX, top * toY, bottom * toY));
  return covered.map((share) => (Math.min(share, 1) * 2 - 1) * PROMPT_LOGIT);
}

/** Adds the area of the rectangle [x0, x1) x [y0, y1), in cells, to every cell it touches. */
function addColumn(cells: Float32Array, side: number, x0: number, x1: number, y0: number, y1: number): void {
  for (let cx = Math.floor(x0); cx < Math.min(Math.ceil(x1), side); cx++) {
    const width = Math.min(x1, cx + 1) - Math.max(x0, cx);
    for (let cy = Math.floor(y0); cy < Math.min(Math.ceil(y1), side); cy++) {
      const height = Math.min(y1, cy + 1) - Math.max(y0, cy);
      cells[cy * side + cx] = (cells[cy * side + cx] as number) + width * height;
    }
  }
}
