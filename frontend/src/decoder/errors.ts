/** What can go wrong between the page and its decoder, each with a sentence that says what to do. */

export type DecoderErrorCode =
  /** The image has no embedding for the model's encoder yet; the server is making it. */
  | "not_ready"
  /** Embedding and decoder belong to different models. */
  | "mismatch"
  | "signed_out"
  | "offline"
  | "server"
  /** A file came that is not what it should be. */
  | "bad_file"
  /** ONNX Runtime refused or died. */
  | "runtime"
  /** A newer request took this one's place. Nothing to tell anybody. */
  | "superseded";

export class DecoderError extends Error {
  override readonly name = "DecoderError";

  constructor(
    readonly code: DecoderErrorCode,
    message: string,
  ) {
    super(message);
  }
}

export const superseded = () => new DecoderError("superseded", "A newer request took this one's place.");

export function asDecoderError(error: unknown): DecoderError {
  if (error instanceof DecoderError) return error;
  const what = error instanceof Error ? error.message : String(error);
  return new DecoderError(
    "runtime",
    `The decoder stopped in this browser (${what}). Reload the page; if it comes back, close other tabs to free memory or ` +
      "use a current Chrome, Edge or Firefox. The brush works without the decoder.",
  );
}
