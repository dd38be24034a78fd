/** Masks between the API's spelling and the editor's document. */
import type { Image, Mask, MaskPut, Model } from "../../api/types";
import type { ImageRef, ModelRef } from "../../decoder/protocol";
import type { DocMask } from "../../editor/document";
import { type Detail, WHOLE } from "../../geometry/details";
import type { Prompt } from "../../geometry/prompts";
import { decodeRle, encodeRle } from "../../geometry/rle";
import { embeddingUrl } from "./http";

/** Throws an Error with a sentence when the stored RLE is damaged. */
export function docMaskOf(mask: Mask): DocMask {
  return {
    id: mask.id,
    runs: decodeRle(mask.rle),
    source: mask.source,
    status: mask.status,
    modelId: mask.model_id,
    prompts: mask.prompts as unknown as Prompt[],
    candidate: mask.candidate,
    numClicks: mask.num_clicks,
    seconds: mask.seconds_s,
    predictedIou: mask.predicted_iou,
    stability: mask.stability_score,
    edited: mask.edited,
    rejectReason: mask.reject_reason,
  };
}

/** A mask as a write that has not been sent yet describes it. */
export function docMaskOfWrite(id: string, body: MaskPut): DocMask {
  return {
    id,
    runs: decodeRle(body.rle),
    source: body.source,
    status: "accepted",
    modelId: body.model_id ?? null,
    prompts: body.prompts as unknown as Prompt[],
    candidate: body.candidate ?? null,
    numClicks: body.num_clicks ?? 0,
    seconds: body.seconds_s ?? 0,
    predictedIou: body.predicted_iou ?? null,
    stability: body.stability_score ?? null,
    edited: body.edited ?? false,
    rejectReason: null,
  };
}

export type MaskContent = Omit<MaskPut, "revision">;

export function contentOf(mask: DocMask, taskId: string, imageId: string): MaskContent {
  return {
    task_id: taskId,
    image_id: imageId,
    rle: encodeRle(mask.runs),
    source: mask.source,
    model_id: mask.modelId,
    prompts: mask.prompts as unknown as MaskContent["prompts"],
    candidate: mask.candidate,
    num_clicks: mask.numClicks,
    seconds_s: Math.round(mask.seconds * 100) / 100,
    predicted_iou: mask.predictedIou,
    stability_score: mask.stability,
    edited: mask.edited,
  };
}

export const modelRefOf = (model: Model): ModelRef => ({
  id: model.id,
  name: model.name,
  encoderSha256: model.encoder_sha256,
  prepareUrl: model.prepare_url,
  decodeUrl: model.decode_url,
  imageSize: model.image_size,
  embedDim: model.embed_dim,
  grid: model.grid,
});

export const imageRefOf = (image: Image, model: Model): ImageRef => ({
  id: image.id,
  name: image.file_name,
  size: { h: image.height, w: image.width },
  detail: WHOLE,
  embeddingUrl: embeddingUrl(image.id, model),
});

/** A detail as the decoder sees it: an image of its own, embedded by itself. */
export function detailRefOf(image: ImageRef, { level, key, box: [x0, y0, x1, y1] }: Detail): ImageRef {
  if (level === 0) return image;
  return {
    id: `${image.id} ${key}`,
    name: image.name,
    size: { h: y1 - y0, w: x1 - x0 },
    detail: key,
    embeddingUrl: `${image.embeddingUrl}&detail=${key}`,
  };
}
