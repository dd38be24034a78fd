import { afterEach, expect, test, vi } from "vitest";
import { ApiError } from "../../../api/problem";
import type { MaskContent } from "../convert";
import { type SaveState, type Transport, WriteQueue } from "./queue";
import { memoryStore, type Write, type WriteStore, withFallback } from "./store";

const image = { id: "i", name: "cat.jpg" };
const content = (seconds: number) => ({ seconds_s: seconds }) as MaskContent;

type Sent = { id: string; revision: number; seconds: number | null };

/** A server that remembers what it got and fails as told. */
class Server implements Transport {
  readonly sent: Sent[] = [];
  failures: unknown[] = [];
  private fail() {
    const failure = this.failures.shift();
    if (failure) throw failure;
  }
  async put(id: string, body: MaskContent & { revision: number }) {
    this.fail();
    this.sent.push({ id, revision: body.revision, seconds: body.seconds_s ?? null });
  }
  async remove(id: string, revision: number) {
    this.fail();
    this.sent.push({ id, revision, seconds: null });
  }
}

function setUp(store: WriteStore = memoryStore()) {
  const server = new Server();
  const states: SaveState[] = [];
  const queue = new WriteQueue({ store, transport: server, userId: "u", onState: (state) => states.push(state) });
  const last = () => states.at(-1) as SaveState;
  return { server, states, queue, store, last };
}

afterEach(() => vi.useRealTimers());

test("writes are sent in order with growing revisions, then forgotten", async () => {
  const { server, queue, last } = setUp();
  queue.know("a", 4);
  await queue.enqueue("a", image, content(1));
  await queue.enqueue("b", image, content(2));
  await queue.enqueue("b", image, null);
  expect(await queue.drained("i")).toBe(true);
  expect(server.sent).toContainEqual({ id: "a", revision: 5, seconds: 1 });
  expect(server.sent.at(-1)).toEqual({ id: "b", revision: 2, seconds: null });
  expect(last()).toMatchObject({ status: "saved", pending: 0 });
});

test("a failing server is tried again with growing pauses, and the latest version is what arrives", async () => {
  vi.useFakeTimers();
  const { server, queue, last } = setUp();
  server.failures = [new TypeError("failed to fetch"), new ApiError(503, "unavailable", "Busy.")];
  await queue.enqueue("a", image, content(1));
  await vi.advanceTimersByTimeAsync(0);
  expect(last()).toMatchObject({ status: "offline", pending: 1 });
  await vi.advanceTimersByTimeAsync(1_300);
  expect(last()).toMatchObject({ status: "offline", message: "Busy." });
  await vi.advanceTimersByTimeAsync(2_600);
  expect(server.sent).toEqual([{ id: "a", revision: 1, seconds: 1 }]);
  expect(last().status).toBe("saved");
});

test("a write made while an older one is on its way is not lost", async () => {
  const { server, queue, store } = setUp();
  let release: () => void = () => undefined;
  const gate = new Promise<void>((done) => {
    release = done;
  });
  const put = server.put.bind(server);
  vi.spyOn(server, "put").mockImplementationOnce(async (id, body) => {
    await gate;
    await put(id, body);
  });
  await queue.enqueue("a", image, content(1));
  await queue.enqueue("a", image, content(2));
  release();
  expect(await queue.drained("i")).toBe(true);
  expect(server.sent).toEqual([
    { id: "a", revision: 1, seconds: 1 },
    { id: "a", revision: 2, seconds: 2 },
  ]);
  expect(await store.all("u")).toEqual([]);
});

test("a 401 keeps everything until somebody signs in", async () => {
  const { server, queue, last } = setUp();
  server.failures = [new ApiError(401, "unauthenticated", "no")];
  await queue.enqueue("a", image, content(1));
  expect(await queue.drained("i")).toBe(true);
  server.failures = [new ApiError(401, "unauthenticated", "no"), new ApiError(401, "unauthenticated", "no")];
  await queue.enqueue("b", image, content(1));
  expect(await queue.drained("i")).toBe(false);
  expect(last()).toMatchObject({ status: "signed_out", pending: 1 });
  queue.flush();
  expect(await queue.drained("i")).toBe(true);
});

test("a stale revision waits for a decision; the others go on", async () => {
  const { server, queue, last } = setUp();
  const stale = new ApiError(409, "stale_revision", "Changed.", { revision: 7, current: null });
  server.failures = [stale];
  await queue.enqueue("a", image, content(1));
  await queue.enqueue("b", image, content(2));
  expect(await queue.drained("i")).toBe(false);
  expect(server.sent.map((one) => one.id)).toEqual(["b"]);
  const stuck = last().stuck[0];
  if (!stuck) throw new Error("nothing is stuck");
  expect(last().status).toBe("stuck");
  await queue.keepMine(stuck);
  expect(await queue.drained("i")).toBe(true);
  expect(server.sent.at(-1)).toEqual({ id: "a", revision: 8, seconds: 1 });
});

test("a discarded write is gone, and the next edit goes over the server's revision", async () => {
  const { server, queue, last } = setUp();
  server.failures = [new ApiError(409, "stale_revision", "Changed.", { revision: 3 })];
  await queue.enqueue("a", image, content(1));
  await queue.drained("i");
  await queue.discard(last().stuck[0] as SaveState["stuck"][number]);
  expect(await queue.drained("i")).toBe(true);
  await queue.enqueue("a", image, content(9));
  await queue.drained("i");
  expect(server.sent).toEqual([{ id: "a", revision: 4, seconds: 9 }]);
});

test("a new page finds what the old one could not send; other users' writes stay theirs", async () => {
  const store = memoryStore();
  const first = setUp(store);
  first.server.failures = Array(9).fill(new TypeError("offline"));
  await first.queue.enqueue("a", image, content(1));
  await first.queue.drained("i");
  first.queue.stop();
  const second = setUp(store);
  expect(await second.queue.pending()).toHaveLength(1);
  expect(await second.queue.drained("i")).toBe(true);
  expect(second.server.sent).toEqual([{ id: "a", revision: 1, seconds: 1 }]);
});

test("what the database refuses is held by the page and sent all the same", async () => {
  const full: WriteStore = {
    put: () => Promise.reject(new DOMException("full", "QuotaExceededError")),
    remove: () => Promise.reject(new DOMException("closed", "InvalidStateError")),
    all: () => Promise.reject(new DOMException("closed", "InvalidStateError")),
  };
  const { server, queue, last } = setUp(withFallback(full));
  server.failures = [new ApiError(401, "unauthenticated", "no")];
  await queue.enqueue("a", image, content(1));
  await vi.waitFor(() => expect(last()).toMatchObject({ status: "signed_out", pending: 1 }));
  expect(queue.isWaiting).toBe(true);
  expect(await queue.drained("i")).toBe(true);
  expect(server.sent).toEqual([{ id: "a", revision: 1, seconds: 1 }]);
  expect(queue.isWaiting).toBe(false);
});

test("a version the database refused does not come back over a newer one it took", async () => {
  const write = (revision: number): Write => ({
    maskId: "a",
    userId: "u",
    imageId: "i",
    imageName: "",
    revision,
    content: null,
    queuedAt: 0,
  });
  const first = memoryStore();
  const store = withFallback(first);
  vi.spyOn(first, "put").mockRejectedValueOnce(new Error("full"));
  await store.put(write(1));
  expect(await store.all("u")).toHaveLength(1);
  await store.put(write(2));
  expect(await store.all("u")).toEqual([write(2)]);
  await store.remove(write(2));
  expect(await store.all("u")).toEqual([]);
});

test("leaving the page sends what waits once more and does not try for ever", async () => {
  vi.useFakeTimers();
  const { server, queue } = setUp();
  const stored = queue.enqueue("a", image, content(1));
  queue.stop();
  await stored;
  await vi.advanceTimersByTimeAsync(0);
  expect(server.sent).toHaveLength(1);
  server.failures = [new TypeError("failed to fetch")];
  await queue.enqueue("b", image, content(1));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(server.sent).toHaveLength(1);
});

test("a stuck write settled in another tab is no longer asked about", async () => {
  const { server, queue, store, last } = setUp();
  server.failures = [new ApiError(422, "invalid", "no")];
  await queue.enqueue("a", image, content(1));
  await vi.waitFor(() => expect(last().stuck).toHaveLength(1));
  await store.remove({ maskId: "a", revision: 1 });
  await queue.refresh();
  expect(last()).toMatchObject({ status: "saved", stuck: [] });
});
