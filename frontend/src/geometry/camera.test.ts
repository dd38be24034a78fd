import { expect, test } from "vitest";
import { clampCamera, fitCamera, pan, toImage, toScreen, wheelFactor, zoomAt } from "./camera";
import { imagePoint, pixelAt, screenPoint } from "./points";

const image = { h: 480, w: 640 };
const view = { h: 600, w: 1000 };

test("fit shows the whole image in the middle", () => {
  const camera = fitCamera(image, view);
  const [a, b] = [toScreen(camera, imagePoint(0, 0)), toScreen(camera, imagePoint(640, 480))];
  expect(a.y).toBeCloseTo(16);
  expect(b.y).toBeCloseTo(584);
  expect(a.x + b.x).toBeCloseTo(1000);
});

test("zoom keeps the point under the cursor", () => {
  const camera = fitCamera(image, view);
  const cursor = screenPoint(321, 123);
  const before = toImage(camera, cursor);
  for (const factor of [1.5, 0.8, 3]) {
    const after = toImage(zoomAt(camera, cursor, factor, image, view), cursor);
    expect(after.x).toBeCloseTo(before.x);
    expect(after.y).toBeCloseTo(before.y);
  }
});

test("the image cannot be lost", () => {
  const far = pan(fitCamera(image, view), 1e5, -1e5, image, view);
  const corner = toScreen(far, imagePoint(0, 480));
  expect(corner.x).toBeLessThanOrEqual(view.w - 80);
  expect(corner.y).toBeGreaterThanOrEqual(80);
  expect(clampCamera({ scale: 1e6, x: 0, y: 0 }, image, view).scale).toBe(40);
});

test("screen and image invert each other, pixels stay inside", () => {
  const camera = { scale: 2.5, x: -31, y: 12 };
  const p = toImage(camera, toScreen(camera, imagePoint(12.25, 99.5)));
  expect([p.x, p.y]).toEqual([12.25, 99.5]);
  expect(pixelAt(imagePoint(640, -3), image)).toMatchObject({ x: 639, y: 0 });
});

test("wheel up zooms in, whatever the unit", () => {
  expect(wheelFactor(-100, 0)).toBeGreaterThan(1);
  expect(wheelFactor(3, 1)).toBeLessThan(1);
  expect(wheelFactor(1e9, 0)).toBeGreaterThan(0.5);
});
