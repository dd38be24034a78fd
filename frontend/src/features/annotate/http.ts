/**
 * The requests of the annotation page. Its own client, because a 401 here must not throw the person out of the page: what is not
 * saved yet waits, and a sign-in dialog opens on top.
 */
import createClient from "openapi-fetch";
import { unwrap } from "../../api/client";
import type { paths } from "../../api/schema";
import type { Image, Mask, MaskPut, Model, Task, User } from "../../api/types";

const client = createClient<paths>({ credentials: "same-origin" });

/** null when nothing is left to annotate. */
export async function leaseTask(datasetId: string, imageId: string | null): Promise<Task | null> {
  const body = { dataset_id: datasetId, image_id: imageId };
  return (await unwrap<Task | undefined>(client.POST("/api/tasks/lease", { body }))) ?? null;
}

export const heartbeat = (taskId: string) =>
  unwrap(client.POST("/api/tasks/{task_id}/heartbeat", { params: { path: { task_id: taskId } } }));

/** Arrives even where the page is closed while it is under way: many people end their day with the last image. */
export async function completeTask(taskId: string, skipped: boolean, seconds: number): Promise<void> {
  const params = { path: { task_id: taskId } };
  const body = { skipped, seconds_s: seconds };
  await unwrap(client.POST("/api/tasks/{task_id}/complete", { params, body, keepalive: true }));
}

export const putMask = (maskId: string, body: MaskPut): Promise<Mask> =>
  unwrap(client.PUT("/api/masks/{mask_id}", { params: { path: { mask_id: maskId } }, body }));

export async function deleteMask(maskId: string, revision: number): Promise<void> {
  const params = { path: { mask_id: maskId }, query: { revision } };
  await unwrap(client.DELETE("/api/masks/{mask_id}", { params }));
}

export const signIn = (email: string, password: string): Promise<User> =>
  unwrap(client.POST("/api/session", { body: { email, password } }));

/** Images that are likely to come next. */
export async function waitingImages(datasetId: string, limit: number): Promise<Image[]> {
  const params = { path: { dataset_id: datasetId }, query: { filter: "todo" as const, limit } };
  return (await unwrap(client.GET("/api/datasets/{dataset_id}/images", { params }))).items;
}

export const embeddingUrl = (imageId: string, model: Model): string =>
  `/api/images/${imageId}/embedding?encoder=${model.encoder_sha256}`;
