import { expect, test } from "vitest";
import { isBetter, metricRows } from "./metrics";

test("known figures come in a fixed order, unknown ones and per-image lists do not", () => {
  const rows = metricRows({ noc85: 4, miou_1: 0.5, per_image: [1, 2] }, { miou_1: 0.6, other: 3 });
  expect(rows.map((row) => row.key)).toEqual(["miou_1", "noc85"]);
  expect(rows[1]).toMatchObject({ before: 4, after: null });
  expect(metricRows(null, undefined)).toEqual([]);
});

test("fewer clicks and errors are better", () => {
  expect(isBetter({ key: "calibration_error_1", label: "", before: 0.1, after: 0.2 })).toBe(false);
  expect(isBetter({ key: "noc85", label: "", before: 5, after: 4 })).toBe(true);
  expect(isBetter({ key: "miou_1", label: "", before: 0.5, after: 0.4 })).toBe(false);
  expect(isBetter({ key: "miou_1", label: "", before: 0.5, after: null })).toBeNull();
});
