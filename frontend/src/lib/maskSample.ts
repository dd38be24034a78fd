/** Stored masks drawn small: any part of the image at any size, without ever holding the mask at the image's size. */
import type { Runs } from "../geometry/runs";

/** A rectangle of the image frame. */
export interface Region {
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * The mask in `region`, sampled at the centres of a `width` x `height` grid; row-major, 1 inside.
 * Costs the number of runs plus the number of samples, whatever the image's size.
 */
export function sampleRuns(mask: Runs, region: Region, width: number, height: number): Uint8Array {
  const { counts } = mask;
  const out = new Uint8Array(width * height);
  let run = 0;
  let end = counts[0] ?? 0;
  for (let column = 0; column < width; column++) {
    const x = Math.floor(region.x + ((column + 0.5) * region.width) / width);
    if (x < 0 || x >= mask.w) continue;
    for (let row = 0; row < height; row++) {
      const y = Math.floor(region.y + ((row + 0.5) * region.height) / height);
      if (y < 0 || y >= mask.h) continue;
      const index = x * mask.h + y;
      // Several samples may fall into one column of the image; then the walk goes back to its top.
      while (run > 0 && index < end - (counts[run] ?? 0)) end -= counts[run--] ?? 0;
      while (index >= end && run < counts.length - 1) end += counts[++run] ?? 0;
      if (index < end && run % 2 === 1) out[row * width + column] = 1;
    }
  }
  return out;
}

/** The part of a `width` x `height` image around a box (xywh) that shows it with surroundings, with the aspect ratio of the view. */
export function focusRegion(
  bbox: readonly number[],
  image: { width: number; height: number },
  aspect: number,
  margin = 0.6,
): Region {
  const [x = 0, y = 0, w = 0, h = 0] = bbox;
  const least = Math.min(Math.max(image.width, image.height), 64);
  let width = Math.max(w * (1 + 2 * margin), least);
  let height = Math.max(h * (1 + 2 * margin), least / aspect);
  if (width / height < aspect) width = height * aspect;
  else height = width / aspect;
  const fit = Math.max(1, Math.min(width / image.width, height / image.height));
  width /= fit;
  height /= fit;
  return {
    x: place(x + w / 2 - width / 2, width, image.width),
    y: place(y + h / 2 - height / 2, height, image.height),
    width,
    height,
  };
}

/** Where a span of `size` starts so that it stays inside `room`, or is centred on it when it is larger. */
function place(start: number, size: number, room: number): number {
  if (size >= room) return (room - size) / 2;
  return Math.min(Math.max(start, 0), room - size);
}
