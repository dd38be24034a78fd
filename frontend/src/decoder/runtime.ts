/**
 * ONNX Runtime in this worker: sessions by model, prepared images, one decode at a time. Knows no messages.
 *
 * The runtime's own files are ours to serve: hashed assets of the build, so nothing is fetched from elsewhere. It is the build for
 * WebAssembly alone. WebGPU is not used: the smallest build that has it is 16.8 MB where this one is 14.2, not every browser runs
 * it, its answers would have to be checked on every graphics card, and a click takes a fraction of 0.1 s without it.
 */

import glueUrl from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import * as ort from "onnxruntime-web/wasm";
import { type Frames, framesOf } from "../geometry/frames";
import { maskPrompt, rasterise } from "../geometry/masks";
import { withoutSpecks } from "../geometry/specks";
import { type Grid, gridOf } from "../geometry/upsample";
import { asDecoderError } from "./errors";
import { fetchBytes, fetchEmbedding } from "./feeds";
import { chooseTokens, isAmbiguous, pointInputs } from "./prompting";
import type { Candidate, DecodeBody, DecodeResult, ImageRef, ModelRef, Runtime } from "./protocol";

/** The image at hand, the next one, and the details looked at last: of the largest models each holds 28 MB. */
const PREPARED_KEPT = 6;
const MODELS_KEPT = 2;
const TOKENS = 4;
/** Longest side of a preview, in its own pixels. */
const PREVIEW_SIDE = 512;

type Feeds = Record<string, ort.Tensor>;
type Sessions = { readonly prepare: ort.InferenceSession; readonly decode: ort.InferenceSession };
type Prepared = { readonly feeds: Feeds; readonly frames: Frames; readonly grid: Grid; readonly preview: Grid };

ort.env.wasm.wasmPaths = {
  mjs: new URL(glueUrl, self.location.href).href,
  wasm: new URL(wasmUrl, self.location.href).href,
};
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
ort.env.logLevel = "error";

/** The memory of ONNX Runtime, which does not give it away: caught when its glue, loaded with the first model, makes it. */
let heap: WebAssembly.Memory | null = null;
WebAssembly.Memory = class extends WebAssembly.Memory {
  constructor(descriptor: WebAssembly.MemoryDescriptor) {
    super(descriptor);
    heap = this;
  }
};

export const runtime = (): Runtime => ({
  threads: ort.env.wasm.numThreads ?? 1,
  heapBytes: heap?.buffer.byteLength ?? 0,
});

const sessions = new Map<string, Promise<Sessions>>();
const prepared = new Map<string, Promise<Prepared>>();
/** Decoders that have run, whose next run is as fast as any. */
const warm = new WeakSet<ort.InferenceSession>();
/** Graphs run one after another; the network does not wait for them. The runtime is the first in the queue. */
let turn: Promise<unknown> = startRuntime();

/** The runtime starts with its first session: with this graph, whose output is its input, while models are still on their way. */
async function startRuntime(): Promise<void> {
  const graph = Uint8Array.from(atob("CAg6JRIBZ1oPCgF4EgoKCAgBEgQKAggBYg8KAXgSCgoICAESBAoCCAFCBAoAEBE="), (byte) =>
    byte.charCodeAt(0),
  );
  try {
    await (await ort.InferenceSession.create(graph)).release();
  } catch {
    // The first model will fail as this did, and has somebody to tell.
  }
}

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const result = turn.then(work, work);
  turn = result.catch(() => undefined);
  return result;
}

/** The value under `key`, made when missing; failures are forgotten, and of the successes the `kept` most recently used stay. */
function remember<T>(store: Map<string, Promise<T>>, key: string, kept: number, make: () => Promise<T>): Promise<T> {
  const value = store.get(key) ?? make();
  store.delete(key);
  store.set(key, value);
  value.catch(() => store.get(key) === value && store.delete(key));
  for (const old of [...store.keys()].slice(0, Math.max(store.size - kept, 0))) store.delete(old);
  return value;
}

async function openModel(model: ModelRef): Promise<Sessions> {
  const [prepareFile, decodeFile] = await Promise.all([
    fetchBytes(model.prepareUrl, `Model ${model.name}`),
    fetchBytes(model.decodeUrl, `Model ${model.name}`),
  ]);
  const options: ort.InferenceSession.SessionOptions = { executionProviders: ["wasm"], graphOptimizationLevel: "all" };
  return inTurn(async () => {
    try {
      return {
        prepare: await ort.InferenceSession.create(new Uint8Array(prepareFile), options),
        decode: await ort.InferenceSession.create(new Uint8Array(decodeFile), options),
      };
    } catch (error) {
      throw asDecoderError(error);
    }
  });
}

/** The first run of a graph allocates and starts threads; nobody's first click should pay for it, and no image need wait for it. */
function warmUp(session: ort.InferenceSession, feeds: Feeds, frames: Frames): void {
  if (warm.has(session)) return;
  warm.add(session);
  const prompts = [{ type: "point", x: 0, y: 0, label: 1 } as const];
  const body = { prompts, mask: null, preview: true };
  inTurn(() => session.run({ ...feeds, ...promptFeeds(body, frames) })).then(dispose, () => undefined);
}

async function prepareImage(model: ModelRef, image: ImageRef): Promise<Prepared> {
  const [session, embedding] = await Promise.all([
    remember(sessions, model.id, MODELS_KEPT, () => openModel(model)),
    fetchEmbedding(model, image),
  ]);
  const input = new ort.Tensor("float32", embedding.data, [1, ...embedding.shape]);
  const feeds = (await inTurn(() => session.prepare.run({ embedding: input }))) as Feeds;
  const frames = framesOf(image.size, model.imageSize);
  warmUp(session.decode, feeds, frames);
  const step = Math.max(1, Math.ceil(Math.max(image.size.h, image.size.w) / PREVIEW_SIDE));
  return { feeds, frames, grid: gridOf(frames), preview: gridOf(frames, step) };
}

/** Loads what is missing and runs the per-image graph. */
export function prepare(model: ModelRef, image: ImageRef): Promise<Prepared> {
  return remember(prepared, `${model.id} ${image.id}`, PREPARED_KEPT, () => prepareImage(model, image));
}

export async function decode(model: ModelRef, image: ImageRef, body: DecodeBody): Promise<DecodeResult> {
  const { feeds, frames, grid, preview } = await prepare(model, image);
  const { decode: session } = await remember(sessions, model.id, MODELS_KEPT, () => openModel(model));
  const started = performance.now();
  const outputs = await inTurn(() => session.run({ ...feeds, ...promptFeeds(body, frames) }));
  const decoded = performance.now();
  const logits = outputs.low_res_logits?.data as Float32Array;
  const iou = outputs.iou_predictions?.data as Float32Array;
  const ambiguous = isAmbiguous(body.prompts, body.mask !== null);
  const tokens = chooseTokens(iou, ambiguous).slice(0, body.preview ? 1 : TOKENS);
  const plane = frames.lowRes * frames.lowRes;
  const candidates = tokens.map((token): Candidate => {
    const own = logits.slice(token * plane, (token + 1) * plane);
    const on = body.preview ? preview : grid;
    const { runs: drawn, stability } = rasterise(own, on);
    // The next click is shown the logits as they are; people see, accept and brush the mask without its specks.
    const runs = withoutSpecks(drawn, body.prompts, on.step);
    return { token, runs, step: on.step, predictedIou: iou[token] as number, stability, logits: own };
  });
  dispose(outputs);
  return { candidates, decodeMs: decoded - started, rasterMs: performance.now() - decoded };
}

function dispose(outputs: ort.InferenceSession.ReturnType): void {
  for (const output of Object.values(outputs)) output.dispose();
}

function promptFeeds(body: DecodeBody, frames: Frames): Feeds {
  const { coords, labels } = pointInputs(body.prompts, frames);
  const side = frames.lowRes;
  const mask =
    body.mask === null
      ? new Float32Array(side * side)
      : body.mask instanceof Float32Array
        ? body.mask
        : maskPrompt(body.mask, frames);
  return {
    point_coords: new ort.Tensor("float32", coords, [1, labels.length, 2]),
    point_labels: new ort.Tensor("float32", labels, [1, labels.length]),
    mask_input: new ort.Tensor("float32", mask, [1, 1, side, side]),
    has_mask_input: new ort.Tensor("float32", Float32Array.of(body.mask === null ? 0 : 1), [1]),
  };
}
