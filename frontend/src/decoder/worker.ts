/** The decoder's worker: takes requests, answers each once. Everything it knows is in runtime.ts. */
import { asDecoderError } from "./errors";
import type { Request, Response } from "./protocol";
import { decode, prepare, runtime } from "./runtime";

const answer = (response: Response, transfer: Transferable[] = []) =>
  (self as unknown as { postMessage(message: Response, transfer: Transferable[]): void }).postMessage(
    response,
    transfer,
  );

async function handle(request: Request): Promise<void> {
  const { id, model, image } = request;
  try {
    if (request.kind === "prepare") {
      const started = performance.now();
      await prepare(model, image);
      answer({ id, kind: "prepared", ms: performance.now() - started, runtime: runtime() });
    } else {
      const result = await decode(model, image, request.body);
      const transfer = result.candidates.flatMap((c) => [c.runs.counts.buffer, c.logits.buffer]);
      answer({ id, kind: "decoded", result }, transfer);
    }
  } catch (error) {
    const { code, message } = asDecoderError(error);
    answer({ id, kind: "failed", code, message });
  }
}

self.onmessage = (event: MessageEvent<Request>) => void handle(event.data);
