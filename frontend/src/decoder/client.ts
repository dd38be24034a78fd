/**
 * The page's side of the decoder. One decode runs at a time and one waits; a newer request takes the waiting one's place, and a
 * hover never takes a click's. The worker is replaced when its WebAssembly memory, which only grows, has doubled since its first
 * image, after a number of images in any case, and when it dies; requests name all they need, so the new one carries on.
 */
import { asDecoderError, DecoderError, superseded } from "./errors";
import type { DecodeBody, DecodeResult, ImageRef, ModelRef, Request, Response, Runtime } from "./protocol";

type Answer = Exclude<Response, { kind: "failed" }>;
type Waiting = { resolve(answer: Answer): void; reject(error: DecoderError): void };
type Work = { model: ModelRef; image: ImageRef; body: DecodeBody };
type Pending = { work: Work; resolve(result: DecodeResult): void; reject(error: DecoderError): void };
/** A worker has all the memory it needs when its second image is ready, the first having had its clicks; a leak doubles it. */
const GROWTH = 2;

type Message = Request extends infer R ? (R extends Request ? Omit<R, "id"> : never) : never;

/** What the client needs of a Worker; tests bring their own. */
export type WorkerLike = {
  postMessage(request: Request): void;
  terminate(): void;
  onmessage: ((event: MessageEvent<Response>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
};

export const startWorker = (): WorkerLike =>
  new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "decoder" }) as unknown as WorkerLike;

const keyOf = (model: ModelRef, image: ImageRef) => `${model.id} ${image.id}`;

export class DecoderClient {
  private worker: WorkerLike | null = null;
  private nextId = 1;
  private readonly waiting = new Map<number, Waiting>();
  private running: Pending | null = null;
  private queued: Pending | null = null;
  private readonly seen = new Set<string>();
  private current: string | null = null;
  private prepared = 0;
  private usualHeapBytes = Infinity;
  runtime: Runtime | null = null;

  constructor(
    private readonly start: () => WorkerLike = startWorker,
    private readonly imagesPerWorker = 100,
  ) {}

  /** Starts the worker, and in it the runtime, which need not wait until it is known for which image. */
  open(): void {
    this.ensureWorker();
  }

  /** Makes the image ready for clicks; milliseconds it took. Throws DecoderError. */
  async prepare(model: ModelRef, image: ImageRef): Promise<number> {
    const key = keyOf(model, image);
    if (key !== this.current && this.isDue() && !this.running) this.stop(superseded());
    this.current = key;
    this.seen.add(key);
    const answer = await this.send({ kind: "prepare", model, image });
    if (answer.kind !== "prepared") throw asDecoderError(new Error("unexpected answer"));
    this.runtime = answer.runtime;
    this.prepared += 1;
    if (this.prepared === 2) this.usualHeapBytes = answer.runtime.heapBytes;
    return answer.ms;
  }

  /** Has the next image ready before it is asked for. Failing is no harm: it is then fetched when needed. */
  prefetch(model: ModelRef, image: ImageRef): void {
    if (this.isDue()) return;
    this.seen.add(keyOf(model, image));
    this.prepareDetail(model, image).catch(() => undefined);
  }

  /** Makes a part of the present image ready, beside the image itself. Throws DecoderError. */
  async prepareDetail(model: ModelRef, detail: ImageRef): Promise<void> {
    await this.send({ kind: "prepare", model, image: detail });
  }

  /** Throws DecoderError; "superseded" when a newer request took its place. */
  decode(model: ModelRef, image: ImageRef, body: DecodeBody): Promise<DecodeResult> {
    return new Promise((resolve, reject) => {
      const pending: Pending = { work: { model, image, body }, resolve, reject };
      if (this.queued) {
        // A hover waits for nobody's place but another hover's.
        if (body.preview && !this.queued.work.body.preview) return reject(superseded());
        this.queued.reject(superseded());
      }
      this.queued = pending;
      this.runNext();
    });
  }

  dispose(): void {
    this.stop(superseded());
  }

  private runNext(): void {
    if (this.running || !this.queued) return;
    const pending = this.queued;
    this.queued = null;
    this.running = pending;
    const done = () => {
      if (this.running === pending) this.running = null;
      this.runNext();
    };
    this.send({ kind: "decode", ...pending.work })
      .then((answer) => {
        // A click that came meanwhile makes this answer old.
        if (this.queued && !this.queued.work.body.preview) pending.reject(superseded());
        else if (answer.kind === "decoded") pending.resolve(answer.result);
      })
      .catch((error: unknown) => pending.reject(asDecoderError(error)))
      .finally(done);
  }

  private send(message: Message): Promise<Answer> {
    const worker = this.ensureWorker();
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      worker.postMessage({ ...message, id } as Request);
    });
  }

  private ensureWorker(): WorkerLike {
    if (this.worker) return this.worker;
    const worker = this.start();
    worker.onmessage = ({ data }) => {
      const waiting = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (data.kind === "failed") waiting?.reject(new DecoderError(data.code, data.message));
      else waiting?.resolve(data);
    };
    worker.onerror = (event) =>
      this.stop(asDecoderError(new Error(event.message || "the worker could not be started")));
    this.worker = worker;
    return worker;
  }

  private isDue(): boolean {
    return this.seen.size >= this.imagesPerWorker || (this.runtime?.heapBytes ?? 0) > GROWTH * this.usualHeapBytes;
  }

  private stop(reason: DecoderError): void {
    this.worker?.terminate();
    this.worker = null;
    this.seen.clear();
    this.prepared = 0;
    this.usualHeapBytes = Infinity;
    this.runtime = null;
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const one of waiting) one.reject(reason);
  }
}
