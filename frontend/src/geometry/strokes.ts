/** Brush strokes as masks: the pixels whose centre lies within `radius` of a polyline, plus the pixels right under it. */
import { clamp, type ImagePoint, type Size } from "./points";
import { type Runs, RunWriter } from "./runs";

type Interval = [start: number, end: number];

/** Points in image pixels; radius in image pixels, 0.5 for a single-pixel brush. */
export function strokeRuns(points: readonly ImagePoint[], radius: number, size: Size): Runs {
  const columns = new Map<number, Interval[]>();
  points.forEach((point, i) => {
    addPixel(columns, point, size);
    addCapsule(columns, points[Math.max(i - 1, 0)] ?? point, point, radius, size);
  });
  const writer = new RunWriter(size);
  for (const x of [...columns.keys()].sort((a, b) => a - b)) {
    const intervals = (columns.get(x) ?? []).sort((a, b) => a[0] - b[0]);
    for (const [start, end] of intervals) writer.add(x * size.h + start, x * size.h + end);
  }
  return writer.finish();
}

function put(columns: Map<number, Interval[]>, x: number, start: number, end: number): void {
  if (end <= start) return;
  const intervals = columns.get(x);
  if (intervals) intervals.push([start, end]);
  else columns.set(x, [[start, end]]);
}

function addPixel(columns: Map<number, Interval[]>, point: ImagePoint, size: Size): void {
  const [x, y] = [Math.floor(point.x), Math.floor(point.y)];
  if (x >= 0 && y >= 0 && x < size.w && y < size.h) put(columns, x, y, y + 1);
}

/** A capsule is convex, so each column of pixels meets it in one interval. */
function addCapsule(columns: Map<number, Interval[]>, a: ImagePoint, b: ImagePoint, radius: number, size: Size): void {
  const first = clamp(Math.floor(Math.min(a.x, b.x) - radius), 0, size.w);
  const last = clamp(Math.ceil(Math.max(a.x, b.x) + radius), 0, size.w);
  for (let x = first; x < last; x++) {
    const extent = capsuleAt(a, b, radius, x + 0.5);
    if (!extent) continue;
    // Pixel y is inside when its centre y + 0.5 is.
    put(columns, x, clamp(Math.ceil(extent[0] - 0.5), 0, size.h), clamp(Math.floor(extent[1] - 0.5) + 1, 0, size.h));
  }
}

/** Lowest and highest y of the capsule on the vertical line at x, or null where the line misses it. */
function capsuleAt(a: ImagePoint, b: ImagePoint, radius: number, x: number): [number, number] | null {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const end of [a, b]) {
    const reach = radius * radius - (x - end.x) ** 2;
    if (reach < 0) continue;
    low = Math.min(low, end.y - Math.sqrt(reach));
    high = Math.max(high, end.y + Math.sqrt(reach));
  }
  const length = Math.hypot(b.x - a.x, b.y - a.y);
  if (length > 0) {
    const nx = (-(b.y - a.y) / length) * radius;
    const ny = ((b.x - a.x) / length) * radius;
    for (const side of [1, -1]) {
      // The two long sides of the body; the ends are inside the discs.
      const [x0, x1] = [a.x + side * nx, b.x + side * nx];
      if (x0 === x1) continue;
      const t = (x - x0) / (x1 - x0);
      if (t < 0 || t > 1) continue;
      const y = a.y + side * ny + t * (b.y - a.y);
      low = Math.min(low, y);
      high = Math.max(high, y);
    }
  }
  return low <= high ? [low, high] : null;
}
