import { expect, test, vi } from "vitest";
import { DecoderClient, type WorkerLike } from "./client";
import type { DecodeBody, ImageRef, ModelRef, Request, Response } from "./protocol";

const model = { id: "m", name: "m" } as ModelRef;
const image = (id: string) => ({ id, name: id }) as ImageRef;
const click = (x: number): DecodeBody => ({
  prompts: [{ type: "point", x, y: 0, label: 1 }],
  mask: null,
  preview: false,
});
const hover = (x: number): DecodeBody => ({ ...click(x), preview: true });

/** A worker that answers when told to. */
class HandWorker implements WorkerLike {
  onmessage: ((event: MessageEvent<Response>) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  readonly requests: Request[] = [];
  terminated = false;
  postMessage(request: Request) {
    this.requests.push(request);
  }
  terminate() {
    this.terminated = true;
  }
  answer(response: Response) {
    this.onmessage?.({ data: response } as MessageEvent<Response>);
  }
  decoded(index: number) {
    const id = this.requests[index]?.id ?? 0;
    this.answer({ id, kind: "decoded", result: { candidates: [], decodeMs: index, rasterMs: 0 } });
  }
}

function setUp(imagesPerWorker = 100) {
  const workers: HandWorker[] = [];
  const client = new DecoderClient(() => {
    const worker = new HandWorker();
    workers.push(worker);
    return worker;
  }, imagesPerWorker);
  const first = () => workers[0] as HandWorker;
  return { client, workers, first };
}

const settle = () => vi.waitFor(() => Promise.resolve());

test("the worker can be started before anything is asked of it, and is the one that is then asked", () => {
  const { client, workers, first } = setUp();
  client.open();
  client.open();
  expect(workers).toHaveLength(1);
  expect(first().requests).toEqual([]);
  void client.decode(model, image("i"), click(1));
  expect(workers).toHaveLength(1);
  expect(first().requests).toHaveLength(1);
});

test("the newest click wins over one running and one waiting", async () => {
  const { client, first } = setUp();
  const [a, b, c] = [1, 2, 3].map((x) => client.decode(model, image("i"), click(x)).catch((e: Error) => e)) as [
    Promise<unknown>,
    Promise<unknown>,
    Promise<unknown>,
  ];
  expect(first().requests).toHaveLength(1);
  first().decoded(0);
  expect(await b).toMatchObject({ code: "superseded" });
  expect(await a).toMatchObject({ code: "superseded" });
  await vi.waitFor(() => expect(first().requests).toHaveLength(2));
  first().decoded(1);
  expect(await c).toMatchObject({ decodeMs: 1 });
});

test("a hover gives way to a click and never delays one", async () => {
  const { client, first } = setUp();
  const running = client.decode(model, image("i"), hover(1)).catch((e: Error) => e);
  const waiting = client.decode(model, image("i"), click(2));
  const late = client.decode(model, image("i"), hover(3)).catch((e: Error) => e);
  expect(await late).toMatchObject({ code: "superseded" });
  first().decoded(0);
  expect(await running).toMatchObject({ code: "superseded" });
  await vi.waitFor(() => expect(first().requests).toHaveLength(2));
  first().decoded(1);
  expect(await waiting).toMatchObject({ decodeMs: 1 });
});

test("a failure reaches the caller with its code, and the next request runs", async () => {
  const { client, first } = setUp();
  const failed = client.decode(model, image("i"), click(1)).catch((e: Error) => e);
  first().answer({ id: first().requests[0]?.id ?? 0, kind: "failed", code: "mismatch", message: "no pair" });
  expect(await failed).toMatchObject({ code: "mismatch", message: "no pair" });
  await settle();
  const next = client.decode(model, image("i"), click(2));
  await vi.waitFor(() => expect(first().requests).toHaveLength(2));
  first().decoded(1);
  await next;
});

test("the worker is replaced when its memory has doubled, between images only", async () => {
  const { client, workers } = setUp();
  for (const [id, heapBytes, expected] of [
    ["a", 40, 1],
    ["b", 100, 1],
    ["c", 200, 1],
    ["d", 201, 1],
    ["d", 201, 1],
    ["e", 40, 2],
    ["f", 100, 2],
  ] as const) {
    const ready = client.prepare(model, image(id));
    const worker = workers.at(-1) as HandWorker;
    const request = worker.requests.at(-1) as Request;
    worker.answer({ id: request.id, kind: "prepared", ms: 1, runtime: { threads: 1, heapBytes } });
    await ready;
    expect(workers).toHaveLength(expected);
  }
  expect(workers[0]?.terminated).toBe(true);
  expect(workers[1]?.terminated).toBe(false);
});

test("images that were fetched ahead do not keep a worker that is due", async () => {
  const { client, workers, first } = setUp(2);
  const prepared = async (id: string) => {
    const ready = client.prepare(model, image(id));
    const worker = workers.at(-1) as HandWorker;
    worker.answer({
      id: worker.requests.at(-1)?.id ?? 0,
      kind: "prepared",
      ms: 1,
      runtime: { threads: 1, heapBytes: 1 },
    });
    await ready;
  };
  await prepared("a");
  client.prefetch(model, image("b"));
  await prepared("b");
  expect(workers).toHaveLength(2);
  expect(first().terminated).toBe(true);
  client.prefetch(model, image("c"));
  client.prefetch(model, image("d"));
  expect(workers[1]?.requests.map((request) => request.image.id)).toEqual(["b", "c"]);
});

test("the worker is replaced after its share of images and when it dies", async () => {
  const { client, workers } = setUp(2);
  for (const [index, id] of ["a", "b", "c"].entries()) {
    const ready = client.prepare(model, image(id));
    const worker = workers.at(-1) as HandWorker;
    const request = worker.requests.at(-1) as Request;
    worker.answer({ id: request.id, kind: "prepared", ms: 1, runtime: { threads: 1, heapBytes: 1 } });
    await ready;
    expect(workers).toHaveLength(index < 2 ? 1 : 2);
  }
  expect(workers[0]?.terminated).toBe(true);
  const lost = client.decode(model, image("c"), click(1)).catch((e: Error) => e);
  (workers[1] as HandWorker).onerror?.({ message: "out of memory" } as ErrorEvent);
  expect(await lost).toMatchObject({ code: "runtime", message: expect.stringContaining("Reload the page") });
  await settle();
  void client.decode(model, image("c"), click(1)).catch(() => undefined);
  await vi.waitFor(() => expect(workers).toHaveLength(3));
});
