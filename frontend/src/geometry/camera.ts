/** The view onto the image: screen = image * scale + (x, y), in CSS pixels. Pure values; the controller keeps the current one. */
import { clamp, type ImagePoint, imagePoint, type ScreenPoint, type Size, screenPoint } from "./points";

export type Camera = { readonly scale: number; readonly x: number; readonly y: number };

const MAX_SCALE = 40;
/** How much of the image must stay in view, in CSS pixels, so that it cannot be lost. */
const KEEP_IN_VIEW = 80;

export const toScreen = (camera: Camera, point: ImagePoint): ScreenPoint =>
  screenPoint(point.x * camera.scale + camera.x, point.y * camera.scale + camera.y);

export const toImage = (camera: Camera, point: ScreenPoint): ImagePoint =>
  imagePoint((point.x - camera.x) / camera.scale, (point.y - camera.y) / camera.scale);

/** The whole image, centred, with a margin; small images are enlarged. */
export function fitCamera(image: Size, view: Size, margin = 16): Camera {
  const w = Math.max(view.w - 2 * margin, 1);
  const h = Math.max(view.h - 2 * margin, 1);
  const scale = Math.min(w / image.w, h / image.h, MAX_SCALE);
  return { scale, x: (view.w - image.w * scale) / 2, y: (view.h - image.h * scale) / 2 };
}

/** Keeps the scale sensible and a strip of the image in view. */
export function clampCamera(camera: Camera, image: Size, view: Size): Camera {
  const smallest = Math.min(fitCamera(image, view).scale / 2, 1);
  const scale = clamp(camera.scale, smallest, MAX_SCALE);
  const keepX = Math.min(KEEP_IN_VIEW, image.w * scale, view.w);
  const keepY = Math.min(KEEP_IN_VIEW, image.h * scale, view.h);
  return {
    scale,
    x: clamp(camera.x, keepX - image.w * scale, view.w - keepX),
    y: clamp(camera.y, keepY - image.h * scale, view.h - keepY),
  };
}

/** Zooms by `factor` so that the image point under `at` stays under it. */
export function zoomAt(camera: Camera, at: ScreenPoint, factor: number, image: Size, view: Size): Camera {
  const scale = clampCamera({ ...camera, scale: camera.scale * factor }, image, view).scale;
  const fixed = toImage(camera, at);
  return clampCamera({ scale, x: at.x - fixed.x * scale, y: at.y - fixed.y * scale }, image, view);
}

export const pan = (camera: Camera, dx: number, dy: number, image: Size, view: Size): Camera =>
  clampCamera({ ...camera, x: camera.x + dx, y: camera.y + dy }, image, view);

/** Wheel travel to zoom factor; deltaMode 1 counts lines, 2 pages. */
export function wheelFactor(deltaY: number, deltaMode: number): number {
  const pixels = deltaMode === 1 ? deltaY * 16 : deltaMode === 2 ? deltaY * 400 : deltaY;
  return Math.exp(-clamp(pixels, -240, 240) * 0.0022);
}
