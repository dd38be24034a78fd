import { expect, test } from "vitest";
import { mergeReports, readReport } from "./importReport";

test("only an import's result is a report", () => {
  expect(readReport(null)).toBeNull();
  expect(readReport({ embedded: 3 })).toBeNull();
  expect(readReport({ accepted: 2 })).toEqual({ accepted: 2, duplicates: 0, masks: 0, refused: [] });
});

test("reports of several requests add up", () => {
  const one = { accepted: 2, duplicates: 1, masks: 5, refused: [{ name: "a.txt", reason: "Not an image." }] };
  expect(mergeReports([one, one])).toMatchObject({ accepted: 4, duplicates: 2, masks: 10 });
  expect(mergeReports([one, one]).refused).toHaveLength(2);
  expect(mergeReports([]).refused).toEqual([]);
});
