/** Files for the decoder: models and embeddings over HTTP, with failures told apart. The browser's cache keeps them (immutable). */
import { DecoderError } from "./errors";
import type { ImageRef, ModelRef } from "./protocol";
import { type Embedding, parseEmbedding } from "./safetensors";

/** What a problem document may say; anything else is ignored. */
type Problem = { code?: unknown; detail?: unknown };

export async function fetchBytes(url: string, what: string): Promise<ArrayBuffer> {
  let response: Response;
  try {
    response = await fetch(url, { credentials: "same-origin" });
  } catch {
    throw new DecoderError(
      "offline",
      `${what} could not be fetched: the server cannot be reached. It is tried again by itself.`,
    );
  }
  if (response.ok) return response.arrayBuffer();
  const problem = (await response.json().catch(() => ({}))) as Problem;
  const detail = typeof problem.detail === "string" ? problem.detail : "";
  if (problem.code === "not_ready") throw new DecoderError("not_ready", detail || `${what} is not ready yet.`);
  if (response.status === 401)
    throw new DecoderError("signed_out", "You are signed out. Sign in again; nothing is lost.");
  throw new DecoderError("server", `${what} could not be fetched (${response.status}). ${detail}`.trim());
}

/** The image's embedding, refused unless it was made by the model's encoder for this very image. */
export async function fetchEmbedding(model: ModelRef, image: ImageRef): Promise<Embedding> {
  const embedding = parseEmbedding(await fetchBytes(image.embeddingUrl, `The embedding of ${image.name}`));
  checkPair(model, image, embedding);
  return embedding;
}

export function checkPair(model: ModelRef, image: ImageRef, embedding: Embedding): void {
  const { meta, shape } = embedding;
  if (meta.encoder_sha256 !== model.encoderSha256) {
    throw new DecoderError(
      "mismatch",
      `The embedding of ${image.name} was made by encoder ${short(meta.encoder_sha256)}, but model ${model.name} needs encoder ` +
        `${short(model.encoderSha256)}; together they would give wrong masks. Reload the page; if it stays, ask an admin to embed again.`,
    );
  }
  const expected = [model.embedDim, model.grid, model.grid];
  if (shape.some((n, i) => n !== expected[i])) {
    throw new DecoderError(
      "mismatch",
      `The embedding of ${image.name} has shape ${shape.join(" x ")}, model ${model.name} needs ${expected.join(" x ")}. ` +
        "Ask an admin to embed the image again.",
    );
  }
  if ((meta.detail ?? image.detail) !== image.detail) {
    throw new DecoderError(
      "mismatch",
      `The embedding of ${image.name} is of its part ${meta.detail}, not of ${image.detail}. Reload the page.`,
    );
  }
  if (Number(meta.height) !== image.size.h || Number(meta.width) !== image.size.w) {
    throw new DecoderError(
      "mismatch",
      `The embedding of ${image.name} belongs to an image of ${meta.width} x ${meta.height} pixels, this one has ` +
        `${image.size.w} x ${image.size.h}. Ask an admin to embed the image again.`,
    );
  }
}

const short = (sha: string | undefined) => (sha ? sha.slice(0, 12) : "of unknown origin");
