/** Masks as canvas paths in image pixels, made once per mask and kept as long as it lives. */
import { loopsOf, patchOf } from "../../geometry/outline";
import type { ImageBox } from "../../geometry/points";
import type { Runs } from "../../geometry/runs";

export type Shape = {
  readonly path: Path2D;
  /** xyxy, exclusive on the right and below. */
  readonly box: ImageBox;
  /** Corners of the outline: what drawing it costs. */
  readonly corners: number;
};

const shapes = new WeakMap<Runs, Shape | null>();

/** null for an empty mask. `scale` is the size of one runs pixel in image pixels (previews are coarse). */
export function shapeOf(runs: Runs, scale = 1): Shape | null {
  let shape = shapes.get(runs);
  if (shape === undefined) {
    shape = makeShape(runs, scale);
    shapes.set(runs, shape);
  }
  return shape;
}

function makeShape(runs: Runs, scale: number): Shape | null {
  const patch = patchOf(runs);
  if (!patch) return null;
  const path = new Path2D();
  let corners = 0;
  for (const loop of loopsOf(patch)) {
    corners += loop.length / 2;
    path.moveTo((loop[0] as number) * scale, (loop[1] as number) * scale);
    for (let i = 2; i < loop.length; i += 2) path.lineTo((loop[i] as number) * scale, (loop[i + 1] as number) * scale);
    path.closePath();
  }
  const { x, y, w, h, step } = patch;
  return { path, box: [x * scale, y * scale, (x + w * step) * scale, (y + h * step) * scale], corners };
}
