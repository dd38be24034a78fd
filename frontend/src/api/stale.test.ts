import { expect, test } from "vitest";
import { parseEvent } from "./events";
import { EVENT_NAMES, staleKeys } from "./stale";

test("an accepted mask makes images, counts, review and figures of its dataset stale, and no other dataset's", () => {
  const keys = staleKeys("masks.accepted", "d1");
  expect(keys).toContainEqual(["images", "d1"]);
  expect(keys).toContainEqual(["review", "d1"]);
  expect(keys).toContainEqual(["datasets"]);
  expect(keys.filter((key) => key.length > 1).every((key) => key[1] === "d1")).toBe(true);
});

test("a job without a dataset refreshes the job list alone", () => {
  expect(staleKeys("job.updated", null)).toEqual([["jobs"]]);
});

test("the end of a job refreshes its dataset, its progress does not", () => {
  expect(staleKeys("job.updated", "d1", "running")).toEqual([["jobs"]]);
  expect(staleKeys("job.updated", "d1", "succeeded")).toContainEqual(["images", "d1"]);
  expect(staleKeys("job.updated", null, "failed")).toContainEqual(["models"]);
});

test("every event has an effect when it names a dataset", () => {
  for (const name of EVENT_NAMES) expect(staleKeys(name, "d1").length, name).toBeGreaterThan(0);
});

test("a broken event is dropped", () => {
  expect(parseEvent("job.updated", "{")).toBeNull();
  expect(parseEvent("job.updated", '{"dataset_id":null}')?.datasetId).toBeNull();
});
