/** Which cached answers an event of the backend makes stale. Pure: the event stream and its test both call it. */
import { keys } from "./keys";

export const EVENT_NAMES = [
  "job.updated",
  "images.imported",
  "image.embedded",
  "dataset.embedded",
  "dataset.created",
  "dataset.updated",
  "dataset.deleted",
  "masks.accepted",
  "masks.imported",
  "mask.updated",
  "task.updated",
  "model.activated",
  "stage.changed",
  "round.updated",
  "round.finished",
  "export.updated",
  "generation.updated",
] as const;

export type EventName = (typeof EVENT_NAMES)[number];
type Key = readonly unknown[];

const PER_DATASET: Record<EventName, (id: string) => Key[]> = {
  "job.updated": () => [],
  "images.imported": (id) => [keys.images(id), keys.dataset(id)],
  "image.embedded": (id) => [keys.images(id), keys.dataset(id)],
  "dataset.embedded": (id) => [keys.images(id), keys.dataset(id)],
  "dataset.created": (id) => [keys.dataset(id)],
  "dataset.deleted": (id) => [keys.dataset(id)],
  "dataset.updated": (id) => [keys.dataset(id)],
  "masks.accepted": (id) => [keys.images(id), keys.dataset(id), keys.review(id), keys.stages(id), keys.insights(id)],
  "masks.imported": (id) => [keys.images(id), keys.dataset(id), keys.review(id), keys.stages(id)],
  "mask.updated": (id) => [keys.review(id), keys.dataset(id)],
  "task.updated": (id) => [keys.images(id), keys.dataset(id)],
  "model.activated": (id) => [keys.dataset(id)],
  "stage.changed": (id) => [keys.stages(id), keys.dataset(id), keys.insights(id)],
  "round.updated": (id) => [keys.rounds(id)],
  "round.finished": (id) => [keys.rounds(id), keys.stages(id), keys.insights(id), keys.dataset(id)],
  "export.updated": (id) => [keys.exports(id)],
  "generation.updated": (id) => [keys.generations(id), keys.images(id), keys.dataset(id)],
};

const GLOBAL: Partial<Record<EventName, Key[]>> = {
  "job.updated": [keys.jobs],
  "model.activated": [keys.models],
  "round.finished": [keys.models],
};

const ENDED = new Set<unknown>(["succeeded", "failed", "cancelled"]);

/** A job's end may change anything of its dataset, and its own event may be the only one that arrives. */
const afterJob = (id: string): Key[] => [
  keys.images(id),
  keys.dataset(id),
  keys.rounds(id),
  keys.stages(id),
  keys.insights(id),
  keys.exports(id),
  keys.generations(id),
];

/**
 * Keys to invalidate (each with everything below it). `state` is the state that a job's event tells.
 * The list of datasets holds counts, so it goes with any dataset.
 */
export function staleKeys(name: EventName, datasetId: string | null, state?: unknown): Key[] {
  const ended = name === "job.updated" && ENDED.has(state);
  const perDataset = datasetId ? (ended ? afterJob(datasetId) : PER_DATASET[name](datasetId)) : [];
  const lists = perDataset.some((key) => key[0] === "datasets") ? [keys.datasets] : [];
  const models = ended && !datasetId ? [keys.models] : [];
  return [...perDataset.filter((key) => key[0] !== "datasets"), ...lists, ...models, ...(GLOBAL[name] ?? [])];
}
