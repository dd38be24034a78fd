import { expect, test } from "vitest";
import { mergeReports, readReport } from "./importReport";

test("only an import's result is a report", () => {
  expect(readReport(null)).toBeNull();
  expect(readReport({ embedded: 3 })).toBeNull();
  expect(readReport({ accepted: 2 })).toEqual({
    accepted: 2,
    duplicates: 0,
    masks: 0,
    duplicateFiles: [],
    refused: [],
  });
  const line = { name: "b.png", reason: "The same picture as a.png, which stays." };
  expect(readReport({ accepted: 1, duplicates: 1, duplicate_files: [line] })?.duplicateFiles).toEqual([line]);
});

test("reports of several requests add up", () => {
  const line = { name: "b.png", reason: "The same picture as a.png, which stays." };
  const one = {
    accepted: 2,
    duplicates: 1,
    masks: 5,
    duplicateFiles: [line],
    refused: [{ name: "a.txt", reason: "Not an image." }],
  };
  expect(mergeReports([one, one])).toMatchObject({ accepted: 4, duplicates: 2, masks: 10 });
  expect(mergeReports([one, one]).refused).toHaveLength(2);
  expect(mergeReports([one, one]).duplicateFiles).toEqual([line, line]);
  expect(mergeReports([]).refused).toEqual([]);
});
