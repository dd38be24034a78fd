/**
 * Points that cannot be mixed up: each carries the frame it is measured in.
 *
 * - image: original pixels, pixel (i, j) covers [i, i+1) x [j, j+1)
 * - model: the encoder's square input
 * - low_res: the decoder's mask grid, a quarter of the model frame
 * - screen: CSS pixels relative to the top left corner of the editor's canvas
 *
 * Points are (x, y), sizes are (h, w), boxes are [x0, y0, x1, y1].
 */
declare const frame: unique symbol;

type Framed<F extends string> = { readonly x: number; readonly y: number } & { readonly [frame]?: F };

export type ImagePoint = Framed<"image">;
export type ModelPoint = Framed<"model">;
export type LowResPoint = Framed<"low_res">;
export type ScreenPoint = Framed<"screen">;

export const imagePoint = (x: number, y: number): ImagePoint => ({ x, y });
export const modelPoint = (x: number, y: number): ModelPoint => ({ x, y });
export const lowResPoint = (x: number, y: number): LowResPoint => ({ x, y });
export const screenPoint = (x: number, y: number): ScreenPoint => ({ x, y });

export type Size = { readonly h: number; readonly w: number };

/** xyxy in image pixels, x0 <= x1 and y0 <= y1. */
export type ImageBox = readonly [x0: number, y0: number, x1: number, y1: number];

export const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

export function distance(a: { x: number; y: number }, b: { x: number; y: number }): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/** The pixel a continuous position falls into, kept inside the image. Prompts name pixels; their centre is the model's affair. */
export function pixelAt(point: ImagePoint, size: Size): ImagePoint {
  return imagePoint(clamp(Math.floor(point.x), 0, size.w - 1), clamp(Math.floor(point.y), 0, size.h - 1));
}

export const isInside = (point: ImagePoint, size: Size): boolean =>
  point.x >= 0 && point.y >= 0 && point.x < size.w && point.y < size.h;

/** The box of two corners given in any order. */
export function boxOf(a: ImagePoint, b: ImagePoint): ImageBox {
  return [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.max(a.x, b.x), Math.max(a.y, b.y)];
}
