/**
 * image <-> model <-> low_res, the only place in the page where these frames meet.
 *
 * The numbers are those of engine/geometry.py; both read tests/golden/frames.json.
 */
import { type ImagePoint, type LowResPoint, lowResPoint, type ModelPoint, modelPoint, type Size } from "./points";

/** How one image sits in the model's square input: scaled so that its long side is `modelSize`, padded right and below. */
export type Frames = {
  readonly image: Size;
  readonly modelSize: number;
  readonly scale: number;
  /** The part of the model frame that the image fills. */
  readonly input: Size;
  /** Side of the low_res grid. */
  readonly lowRes: number;
};

export function framesOf(image: Size, modelSize: number): Frames {
  const scale = modelSize / Math.max(image.h, image.w);
  return {
    image,
    modelSize,
    scale,
    // A very long image would round its short side to nothing; one row of pixels is the least that can be seen.
    input: { h: Math.max(1, Math.floor(image.h * scale + 0.5)), w: Math.max(1, Math.floor(image.w * scale + 0.5)) },
    lowRes: modelSize / 4,
  };
}

export function imageToModel(frames: Frames, point: ImagePoint): ModelPoint {
  return modelPoint(point.x * (frames.input.w / frames.image.w), point.y * (frames.input.h / frames.image.h));
}

/** Position on the low_res grid of a model-frame position (both continuous, corner at 0). */
export function modelToLowRes(frames: Frames, point: ModelPoint): LowResPoint {
  const ratio = frames.lowRes / frames.modelSize;
  return lowResPoint(point.x * ratio, point.y * ratio);
}
