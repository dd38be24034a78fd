import { expect, test } from "vitest";
import { framesOf } from "../geometry/frames";
import { chooseTokens, isAmbiguous, pointInputs } from "./prompting";

const frames = framesOf({ h: 300, w: 400 }, 512);
const click = { type: "point", x: 100, y: 150, label: 1 } as const;
const box = { type: "box", box: [10, 20, 110, 220] } as const;

test("clicks are followed by one padding point", () => {
  const { coords, labels } = pointInputs([click, { ...click, label: 0 }], frames);
  expect([...coords]).toEqual([128, 192, 128, 192, 0, 0]);
  expect([...labels]).toEqual([1, 0, -1]);
});

test("a box is two corners where it was drawn, and the latest box counts", () => {
  const old = { type: "box", box: [0, 0, 1, 1] } as const;
  const corners = [10, 20, 110, 220].map((n) => Math.fround(n * 1.28));
  const boxLast = pointInputs([old, click, box], frames);
  expect([...boxLast.labels]).toEqual([1, 2, 3]);
  expect([...boxLast.coords.slice(2)]).toEqual(corners);
  const clickLast = pointInputs([old, box, click], frames);
  expect([...clickLast.labels]).toEqual([2, 3, 1]);
  expect([...clickLast.coords.slice(0, 4)]).toEqual(corners);
});

test("what was prompted before a mask was shown is left to that mask", () => {
  const { labels } = pointInputs([box, click, { type: "mask" }, { ...click, label: 0 }], frames);
  expect([...labels]).toEqual([0, -1]);
});

test("only a lone click has three answers, best first", () => {
  expect(isAmbiguous([click], false)).toBe(true);
  expect(isAmbiguous([click], true)).toBe(false);
  expect(isAmbiguous([box], false)).toBe(false);
  expect(isAmbiguous([click, click], false)).toBe(false);
  expect(chooseTokens([0.99, 0.2, 0.9, 0.5], true)).toEqual([2, 3, 1]);
  expect(chooseTokens([0.1, 0.2, 0.9, 0.5], false)).toEqual([0]);
});
