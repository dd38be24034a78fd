/**
 * What page and worker say to each other. Every request names its model and image in full, so a worker that has just been started
 * can answer any of them; it keeps what it has loaded.
 */
import type { Size } from "../geometry/points";
import type { Prompt } from "../geometry/prompts";
import type { Runs } from "../geometry/runs";
import type { DecoderErrorCode } from "./errors";

export type ModelRef = {
  readonly id: string;
  readonly name: string;
  readonly encoderSha256: string;
  readonly prepareUrl: string;
  readonly decodeUrl: string;
  /** Side of the model frame, channels and side of the embedding. */
  readonly imageSize: number;
  readonly embedDim: number;
  readonly grid: number;
};

export type ImageRef = {
  readonly id: string;
  readonly name: string;
  /** Of the image, or of the part of it that `detail` names (geometry/details.ts). */
  readonly size: Size;
  readonly detail: string;
  readonly embeddingUrl: string;
};

export type DecodeBody = {
  readonly prompts: readonly Prompt[];
  /** The mask shown to the decoder: the logits of its last answer, or any mask of image pixels. */
  readonly mask: Float32Array | Runs | null;
  /** Only the best candidate, on a coarse grid: what a hover needs. */
  readonly preview: boolean;
};

export type Request = { readonly id: number; readonly model: ModelRef; readonly image: ImageRef } & (
  | { readonly kind: "prepare" }
  | { readonly kind: "decode"; readonly body: DecodeBody }
);

export type Candidate = {
  /** Which of the decoder's four tokens: 0 the single mask, 1 to 3 whole, part, subpart. */
  readonly token: number;
  /** Without specks (geometry/specks.ts), unlike the logits. */
  readonly runs: Runs;
  /** Runs pixels are image pixels / step. 1 except in previews. */
  readonly step: number;
  readonly predictedIou: number;
  readonly stability: number;
  readonly logits: Float32Array;
};

export type DecodeResult = {
  /** Best first. */
  readonly candidates: readonly Candidate[];
  /** Milliseconds in the graph, and in thresholding its answer. */
  readonly decodeMs: number;
  readonly rasterMs: number;
};

export type Runtime = {
  readonly threads: number;
  /** WebAssembly memory of the worker, which never shrinks. */
  readonly heapBytes: number;
};

export type Response =
  | { readonly id: number; readonly kind: "prepared"; readonly ms: number; readonly runtime: Runtime }
  | { readonly id: number; readonly kind: "decoded"; readonly result: DecodeResult }
  | { readonly id: number; readonly kind: "failed"; readonly code: DecoderErrorCode; readonly message: string };
