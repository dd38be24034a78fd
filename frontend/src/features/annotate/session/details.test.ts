import { beforeEach, expect, test, vi } from "vitest";
import { DecoderError } from "../../../decoder/errors";
import type { Detail } from "../../../geometry/details";
import { boxesOf, Details, type Look, promptsIn } from "./details";

const IMAGE = { h: 1000, w: 1600 };
const CLOSE = [100, 100, 200, 180] as const;

/** Details whose embeddings come when told to, or fail with a code. */
function setUp() {
  const prepared: string[] = [];
  const looks: Look[] = [];
  const waiting = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  const details = new Details(IMAGE, {
    prepare: (detail: Detail) => {
      prepared.push(detail.key);
      return new Promise<void>((resolve, reject) => waiting.set(detail.key, { resolve, reject }));
    },
    onLook: (look) => looks.push(look),
  });
  const wish = details.wish(CLOSE);
  return { details, prepared, looks, waiting, wish };
}

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

test("only where the camera comes to rest is a detail made, and once", async () => {
  const { details, prepared, looks, waiting, wish } = setUp();
  details.look([0, 0, 1600, 1000]);
  details.look([0, 0, 700, 400]);
  details.look(CLOSE);
  await vi.advanceTimersByTimeAsync(200);
  details.look(CLOSE);
  await vi.advanceTimersByTimeAsync(200);
  expect(prepared).toEqual([wish.key]);
  expect(details.isReady(wish)).toBe(false);
  waiting.get(wish.key)?.resolve();
  await vi.advanceTimersByTimeAsync(0);
  expect(details.isReady(wish)).toBe(true);
  expect(looks.at(-1)).toEqual({ detail: wish, ready: true });
});

test("a click waits for its detail, but not for ever", async () => {
  const { details, waiting, wish } = setUp();
  const late = details.within(wish, 2000);
  await vi.advanceTimersByTimeAsync(2001);
  expect((await late).level).toBe(0);
  const soon = details.within(wish, 2000);
  waiting.get(wish.key)?.resolve();
  await vi.advanceTimersByTimeAsync(0);
  expect(await soon).toEqual(wish);
});

test("what is not ready is asked for again, what cannot be is given up", async () => {
  const { details, prepared, looks, waiting, wish } = setUp();
  details.look(CLOSE);
  await vi.advanceTimersByTimeAsync(200);
  waiting.get(wish.key)?.reject(new DecoderError("not_ready", "wait"));
  await vi.advanceTimersByTimeAsync(300);
  expect(prepared).toEqual([wish.key, wish.key]);
  waiting.get(wish.key)?.reject(new DecoderError("mismatch", "no"));
  await vi.advanceTimersByTimeAsync(0);
  expect(looks.at(-1)?.detail.level).toBe(0);
  expect(details.wish(CLOSE).level).toBe(0);
  expect((await details.within(details.wish(CLOSE), 1000)).level).toBe(0);
});

test("what may pass is tried again by whoever looks there again", async () => {
  const { details, prepared, waiting, wish } = setUp();
  details.look(CLOSE);
  await vi.advanceTimersByTimeAsync(200);
  waiting.get(wish.key)?.reject(new DecoderError("offline", "no net"));
  await vi.advanceTimersByTimeAsync(5000);
  expect(prepared).toHaveLength(1);
  expect(details.wish(CLOSE)).toEqual(wish);
  details.look(CLOSE);
  await vi.advanceTimersByTimeAsync(200);
  expect(prepared).toHaveLength(2);
});

test("a detail that the camera has left is not waited for, unless a click is", async () => {
  const { details, prepared, waiting, wish } = setUp();
  details.look(CLOSE);
  await vi.advanceTimersByTimeAsync(200);
  details.look([0, 0, 1600, 1000]);
  waiting.get(wish.key)?.reject(new DecoderError("not_ready", "wait"));
  await vi.advanceTimersByTimeAsync(5000);
  expect(prepared).toHaveLength(1);
  void details.within(wish, 2000);
  waiting.get(wish.key)?.reject(new DecoderError("not_ready", "wait"));
  await vi.advanceTimersByTimeAsync(500);
  expect(prepared).toHaveLength(3);
});

test("an image that was left asks for nothing more", async () => {
  const { details, prepared, looks, waiting, wish } = setUp();
  details.look(CLOSE);
  await vi.advanceTimersByTimeAsync(200);
  details.close();
  const told = looks.length;
  waiting.get(wish.key)?.reject(new DecoderError("not_ready", "wait"));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(prepared).toEqual([wish.key]);
  expect(looks).toHaveLength(told);
});

test("a wish holds the screen, all prompts and the mask", () => {
  const { details } = setUp();
  expect(details.wish(CLOSE).level).toBe(2);
  const prompts = [{ type: "point", x: 1500, y: 900, label: 0 } as const, { type: "mask" } as const];
  expect(details.wish(CLOSE, ...boxesOf(prompts)).level).toBe(0);
  expect(details.wish(CLOSE, ...boxesOf([{ type: "box", box: [90, 120, 260, 230] }])).level).toBe(2);
});

test("prompts are measured from the detail's corner", () => {
  const detail: Detail = { level: 1, key: "1-1-1", box: [400, 250, 1200, 750] };
  const prompts = [
    { type: "point", x: 410, y: 255, label: 1 } as const,
    { type: "box", box: [400, 250, 500, 300] } as const,
    { type: "mask" } as const,
  ];
  expect(promptsIn(detail, prompts)).toEqual([
    { type: "point", x: 10, y: 5, label: 1 },
    { type: "box", box: [0, 0, 100, 50] },
    { type: "mask" },
  ]);
});
