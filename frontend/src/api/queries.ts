/** What the page reads, as react-query options: one function per resource. Freshness comes from events (see events.ts). */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import { keys } from "./keys";
import { ApiError } from "./problem";
import type { ImageFilter, JobState, ReviewStatus } from "./types";

const PAGE = 60;

/** Events may be missed; what is still moving is therefore also asked for now and then. */
const WHILE_MOVING_MS = 5_000;
const isMoving = (thing: { finished_at: string | null }) => thing.finished_at === null;
const whileAnyMoves = (things: readonly { finished_at: string | null }[] | undefined) =>
  things?.some(isMoving) ? WHILE_MOVING_MS : false;

/** The signed-in user, or null for a stranger. */
export const sessionQuery = queryOptions({
  queryKey: keys.session,
  staleTime: 60_000,
  queryFn: async ({ signal }) => {
    try {
      return await unwrap(api.GET("/api/session", { signal }));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  },
});

export const usersQuery = queryOptions({
  queryKey: keys.users,
  queryFn: async ({ signal }) => (await unwrap(api.GET("/api/users", { signal }))).items,
});

export const tokensQuery = queryOptions({
  queryKey: keys.tokens,
  queryFn: async ({ signal }) => (await unwrap(api.GET("/api/tokens", { signal }))).items,
});

export const datasetsQuery = queryOptions({
  queryKey: keys.datasets,
  queryFn: async ({ signal }) => (await unwrap(api.GET("/api/datasets", { signal }))).items,
});

export const datasetQuery = (datasetId: string) =>
  queryOptions({
    queryKey: keys.dataset(datasetId),
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/datasets/{dataset_id}", { params: { path: { dataset_id: datasetId } }, signal })),
  });

export const imagesQuery = (datasetId: string, filter: ImageFilter) =>
  infiniteQueryOptions({
    queryKey: keys.images(datasetId, filter),
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET("/api/datasets/{dataset_id}/images", {
          params: {
            path: { dataset_id: datasetId },
            query: { filter, limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) },
          },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor,
  });

/** The first few images, for a card. */
export const mosaicQuery = (datasetId: string) =>
  queryOptions({
    queryKey: keys.mosaic(datasetId),
    staleTime: 60_000,
    queryFn: async ({ signal }) =>
      (
        await unwrap(
          api.GET("/api/datasets/{dataset_id}/images", {
            params: { path: { dataset_id: datasetId }, query: { limit: 5 } },
            signal,
          }),
        )
      ).items,
  });

export const reviewQuery = (datasetId: string, status: ReviewStatus) =>
  infiniteQueryOptions({
    queryKey: keys.review(datasetId, status),
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET("/api/review", {
          params: {
            query: { dataset_id: datasetId, status, limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) },
          },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor,
  });

export const roundsQuery = (datasetId: string) =>
  queryOptions({
    queryKey: keys.rounds(datasetId),
    queryFn: async ({ signal }) =>
      (await unwrap(api.GET("/api/rounds", { params: { query: { dataset_id: datasetId } }, signal }))).items,
    refetchInterval: (query) => whileAnyMoves(query.state.data),
  });

export const stagesQuery = (datasetId: string) =>
  queryOptions({
    queryKey: keys.stages(datasetId),
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/datasets/{dataset_id}/stages", { params: { path: { dataset_id: datasetId } }, signal })),
  });

export const insightsQuery = (datasetId: string) =>
  queryOptions({
    queryKey: keys.insights(datasetId),
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/insights/{dataset_id}", { params: { path: { dataset_id: datasetId } }, signal })),
  });

/** It comes with the server and changes with it alone. */
export const recordedQuery = queryOptions({
  queryKey: keys.recorded,
  staleTime: Infinity,
  queryFn: ({ signal }) => unwrap(api.GET("/api/insights/recorded", { signal })),
});

export const generationsQuery = (datasetId: string) =>
  queryOptions({
    queryKey: keys.generations(datasetId),
    queryFn: async ({ signal }) =>
      (await unwrap(api.GET("/api/generations", { params: { query: { dataset_id: datasetId } }, signal }))).items,
    refetchInterval: (query) => whileAnyMoves(query.state.data),
  });

export const exportsQuery = (datasetId: string) =>
  queryOptions({
    queryKey: keys.exports(datasetId),
    queryFn: async ({ signal }) =>
      (await unwrap(api.GET("/api/exports", { params: { query: { dataset_id: datasetId } }, signal }))).items,
    refetchInterval: (query) => whileAnyMoves(query.state.data),
  });

export const modelsQuery = queryOptions({
  queryKey: keys.models,
  queryFn: async ({ signal }) => (await unwrap(api.GET("/api/models", { signal }))).items,
});

export const jobsQuery = (filter: { state?: JobState | undefined; datasetId?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: keys.jobList(filter),
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET("/api/jobs", {
          params: {
            query: {
              limit: PAGE,
              ...(filter.state ? { state: filter.state } : {}),
              ...(filter.datasetId ? { dataset_id: filter.datasetId } : {}),
              ...(pageParam ? { cursor: pageParam } : {}),
            },
          },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: (query) => whileAnyMoves(query.state.data?.pages[0]?.items),
  });

export const jobQuery = (jobId: string) =>
  queryOptions({
    queryKey: keys.job(jobId),
    queryFn: ({ signal }) => unwrap(api.GET("/api/jobs/{job_id}", { params: { path: { job_id: jobId } }, signal })),
    refetchInterval: (query) => (query.state.data && isMoving(query.state.data) ? WHILE_MOVING_MS : false),
  });

export const imageMasksQuery = (imageId: string) =>
  queryOptions({
    queryKey: keys.imageMasks(imageId),
    queryFn: async ({ signal }) =>
      (await unwrap(api.GET("/api/images/{image_id}/masks", { params: { path: { image_id: imageId } }, signal })))
        .items,
  });
