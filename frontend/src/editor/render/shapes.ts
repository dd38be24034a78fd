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

/** Where in the image runs lie whose pixels are `step` image pixels large (previews are coarse). */
export type Placed = { readonly x: number; readonly y: number; readonly step: number };

const shapes = new WeakMap<Runs, Shape | null>();
const PLAIN: Placed = { x: 0, y: 0, step: 1 };

/** null for an empty mask. */
export function shapeOf(runs: Runs, placed = PLAIN): Shape | null {
  let shape = shapes.get(runs);
  if (shape === undefined) {
    shape = makeShape(runs, placed);
    shapes.set(runs, shape);
  }
  return shape;
}

function makeShape(runs: Runs, { x: left, y: top, step: scale }: Placed): Shape | null {
  const patch = patchOf(runs);
  if (!patch) return null;
  const path = new Path2D();
  let corners = 0;
  for (const loop of loopsOf(patch)) {
    corners += loop.length / 2;
    path.moveTo(left + (loop[0] as number) * scale, top + (loop[1] as number) * scale);
    for (let i = 2; i < loop.length; i += 2)
      path.lineTo(left + (loop[i] as number) * scale, top + (loop[i + 1] as number) * scale);
    path.closePath();
  }
  const { x, y, w, h, step } = patch;
  const [right, bottom] = [x + w * step, y + h * step];
  return { path, box: [left + x * scale, top + y * scale, left + right * scale, top + bottom * scale], corners };
}
