import { expect, test } from "vitest";
import { loopsOf, patchOf } from "./outline";
import { imagePoint } from "./points";
import {
  areaOf,
  combine,
  contains,
  cutOut,
  emptyRuns,
  extentOf,
  pixelsOf,
  placeIn,
  RunWriter,
  runsOfPixels,
  sameRuns,
} from "./runs";
import { strokeRuns } from "./strokes";

const noise = (h: number, w: number, seed: number) => {
  let state = seed;
  return Array.from({ length: h * w }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state % 3 === 0 ? 0 : 1;
  });
};

test("contains agrees with the pixels and knows the outside", () => {
  const pixels = noise(7, 9, 3);
  const runs = runsOfPixels(pixels, { h: 7, w: 9 });
  for (let y = 0; y < 7; y++) {
    for (let x = 0; x < 9; x++) expect(contains(runs, imagePoint(x + 0.7, y + 0.2))).toBe(pixels[y * 9 + x] === 1);
  }
  expect(contains(runs, imagePoint(-0.1, 3))).toBe(false);
  expect(contains(runs, imagePoint(9, 3))).toBe(false);
});

test("the writer joins neighbours and grows past its first buffer", () => {
  const writer = new RunWriter({ h: 1000, w: 10 });
  for (let i = 0; i < 4000; i++) writer.add(i * 2, i * 2 + 1);
  writer.add(8000, 8005);
  writer.add(8003, 8010);
  writer.add(8010, 8012);
  const runs = writer.finish();
  expect(areaOf(runs)).toBe(4012);
  expect(runs.counts.at(-1)).toBe(10000 - 8012);
});

test("combining with nothing changes nothing", () => {
  const runs = runsOfPixels(noise(5, 6, 1), { h: 5, w: 6 });
  const empty = emptyRuns({ h: 5, w: 6 });
  expect(sameRuns(combine(runs, empty, "union"), runs)).toBe(true);
  expect(sameRuns(combine(runs, empty, "subtract"), runs)).toBe(true);
  expect(sameRuns(combine(runs, runs, "subtract"), empty)).toBe(true);
  expect(() => combine(runs, emptyRuns({ h: 6, w: 5 }), "union")).toThrow(/cannot be combined/);
});

test("a stroke covers the pixels whose centre it covers, and the one under the pen", () => {
  const size = { h: 20, w: 30 };
  const [a, b, radius] = [imagePoint(6.3, 5.1), imagePoint(21.8, 14.6), 3.2];
  const pixels = pixelsOf(strokeRuns([a, b], radius, size));
  for (let y = 0; y < size.h; y++) {
    for (let x = 0; x < size.w; x++) {
      const [px, py] = [x + 0.5 - a.x, y + 0.5 - a.y];
      const [dx, dy] = [b.x - a.x, b.y - a.y];
      const t = Math.min(Math.max((px * dx + py * dy) / (dx * dx + dy * dy), 0), 1);
      const inside = Math.hypot(px - t * dx, py - t * dy) <= radius;
      expect([x, y, pixels[y * size.w + x]]).toEqual([x, y, inside ? 1 : 0]);
    }
  }
  expect(areaOf(strokeRuns([imagePoint(3.99, 3.01)], 0.5, size))).toBe(1);
  expect(areaOf(strokeRuns([imagePoint(-50, 3)], 4, size))).toBe(0);
});

/** Even-odd: a pixel is inside when a ray from its centre to the left crosses the loops an odd number of times. */
function fill(loops: Float32Array[], h: number, w: number): number[] {
  const pixels: number[] = [];
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      let crossings = 0;
      for (const loop of loops) {
        for (let i = 0; i < loop.length; i += 2) {
          const [ax, ay] = [loop[i] as number, loop[i + 1] as number];
          const [bx, by] = [loop[(i + 2) % loop.length] as number, loop[(i + 3) % loop.length] as number];
          if (ax === bx && ax <= x && Math.min(ay, by) <= y && y < Math.max(ay, by)) crossings++;
        }
      }
      pixels.push(crossings % 2);
    }
  }
  return pixels;
}

test("outlines fill back to the mask, holes and touching corners included", () => {
  const pixels = noise(12, 15, 9);
  const patch = patchOf(runsOfPixels(pixels, { h: 12, w: 15 }));
  if (!patch) throw new Error("the mask is not empty");
  expect(fill(loopsOf(patch), 12, 15)).toEqual(pixels);
});

test("patches of large masks are thinned, empty masks have none", () => {
  const size = { h: 300, w: 200 };
  const patch = patchOf(runsOfPixels(new Uint8Array(300 * 200).fill(1), size), 100);
  expect(patch).toMatchObject({ x: 0, y: 0, step: 3, h: 100, w: 67 });
  expect(patch?.pixels.every((p) => p === 1)).toBe(true);
  expect(patchOf(emptyRuns(size))).toBeNull();
});

test("a part cut out and placed again is what was there, and nothing else", () => {
  const size = { h: 12, w: 15 };
  const pixels = noise(12, 15, 4);
  const [x0, y0, x1, y1] = [3, 2, 11, 12];
  const part = cutOut(runsOfPixels(pixels, size), [x0, y0, x1, y1]);
  expect([part.h, part.w]).toEqual([y1 - y0, x1 - x0]);
  const inside = (at: number) => at % 15 >= x0 && at % 15 < x1 && Math.floor(at / 15) >= y0 && Math.floor(at / 15) < y1;
  const wanted = [...pixels].map((pixel, at) => (inside(at) ? pixel : 0));
  expect([...pixelsOf(placeIn(part, size, [x0, y0, x1, y1]))]).toEqual(wanted);
});

test("a full part has runs that go on from column to column", () => {
  const part = runsOfPixels(new Uint8Array(6).fill(1), { h: 3, w: 2 });
  const placed = placeIn(part, { h: 5, w: 4 }, [1, 1, 3, 4]);
  expect(areaOf(placed)).toBe(6);
  expect(extentOf(placed)).toEqual([1, 1, 2, 3]);
  expect(sameRuns(cutOut(placed, [1, 1, 3, 4]), part)).toBe(true);
});
