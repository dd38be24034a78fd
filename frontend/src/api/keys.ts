/** Query keys. A key starts with the kind of thing, then the dataset it belongs to, so that an event can name what it makes stale. */
import type { ImageFilter, ReviewStatus } from "./types";

export const keys = {
  session: ["session"] as const,
  users: ["users"] as const,
  tokens: ["tokens"] as const,
  datasets: ["datasets"] as const,
  dataset: (id: string) => ["datasets", id] as const,
  images: (datasetId: string, filter?: ImageFilter) =>
    filter ? (["images", datasetId, filter] as const) : (["images", datasetId] as const),
  mosaic: (datasetId: string) => ["images", datasetId, "mosaic"] as const,
  imageMasks: (imageId: string) => ["image-masks", imageId] as const,
  review: (datasetId: string, status?: ReviewStatus) =>
    status ? (["review", datasetId, status] as const) : (["review", datasetId] as const),
  rounds: (datasetId: string) => ["rounds", datasetId] as const,
  stages: (datasetId: string) => ["stages", datasetId] as const,
  generations: (datasetId: string) => ["generations", datasetId] as const,
  recorded: ["recorded"] as const,
  insights: (datasetId: string) => ["insights", datasetId] as const,
  exports: (datasetId: string) => ["exports", datasetId] as const,
  models: ["models"] as const,
  jobs: ["jobs"] as const,
  jobList: (filter: { state?: string | undefined; datasetId?: string | undefined }) =>
    ["jobs", "list", filter] as const,
  job: (id: string) => ["jobs", id] as const,
};
