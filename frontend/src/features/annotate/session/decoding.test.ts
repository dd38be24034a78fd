import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Image, Model } from "../../../api/types";
import type { Candidate, Request, Response } from "../../../decoder/protocol";
import { addPrompt, paint } from "../../../editor/actions";
import { EditorController } from "../../../editor/controller";
import { emptyDoc } from "../../../editor/document";
import { imagePoint } from "../../../geometry/points";
import { areaOf, type Runs, runsOfPixels } from "../../../geometry/runs";
import { Decoding } from "./decoding";
import type { Look } from "./details";

const SIZE = { h: 1000, w: 1000 };
const image = { id: "i", file_name: "i.png", height: SIZE.h, width: SIZE.w, dataset_id: "d" } as Image;
const modelOf = (id: string) =>
  ({ id, name: id, encoder_sha256: id, image_size: 768, embed_dim: 1, grid: 48 }) as Model;
/** A hundred pixels that no answer has. */
const stroke = runsOfPixels(
  Uint8Array.from({ length: SIZE.h * SIZE.w }, (_, i) => (i >= 500 && i < 600 ? 1 : 0)),
  SIZE,
);
const click = (x: number, label: 0 | 1 = 1) => addPrompt({ type: "point", x, y: 300, label }, "draft");

/** Answers at once what it is not told to hold back; every decode gives a square of ten pixels and logits of its own. */
class FakeWorker {
  static requests: Request[] = [];
  static held: (() => void)[] = [];
  static holds: (request: Request) => boolean = () => false;
  static fails = false;
  onmessage: ((event: MessageEvent<Response>) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;

  postMessage(request: Request) {
    FakeWorker.requests.push(request);
    const answer = () => this.onmessage?.({ data: this.answerTo(request) } as MessageEvent<Response>);
    if (FakeWorker.holds(request)) FakeWorker.held.push(answer);
    else queueMicrotask(answer);
  }
  terminate() {}

  private answerTo({ id, kind, image: part }: Request): Response {
    if (FakeWorker.fails) return { id, kind: "failed", code: "runtime", message: "out of memory" };
    if (kind === "prepare") return { id, kind: "prepared", ms: 1, runtime: { threads: 1, heapBytes: 1 } };
    const pixels = new Uint8Array(part.size.h * part.size.w);
    for (let i = 0; i < 10; i++) pixels[i * part.size.w] = 1;
    const runs = runsOfPixels(pixels, part.size);
    const candidate: Candidate = {
      token: 1,
      runs,
      step: 1,
      predictedIou: 1,
      stability: 1,
      logits: new Float32Array(4),
    };
    return { id, kind: "decoded", result: { candidates: [candidate], decodeMs: 1, rasterMs: 1 } };
  }
}

const decodes = () => FakeWorker.requests.flatMap((r) => (r.kind === "decode" ? [r] : []));
const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

async function setUp() {
  const looks: (Look | null)[] = [];
  let decoding: Decoding | null = null;
  const editor = new EditorController({
    onChange: () => undefined,
    onEdit: () => decoding?.answer(),
    onHover: (point) => decoding?.hover(point),
    onMove: () => decoding?.moved(),
    figures: () => ({ modelId: null, seconds: 0 }),
    newId: () => "draft",
  });
  decoding = new Decoding(editor, {
    onDecoder: () => undefined,
    onLook: (look) => looks.push(look),
    onDecoded: () => undefined,
    onAnswered: () => undefined,
    onFailure: () => undefined,
  });
  editor.open(emptyDoc(SIZE), null);
  editor.view.resized({ h: 800, w: 800 });
  await decoding.open(modelOf("m"), image);
  return { editor, decoding, looks };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("Worker", FakeWorker);
  vi.stubGlobal("fetch", () => Promise.reject(new Error("no network here")));
  FakeWorker.requests = [];
  FakeWorker.held = [];
  FakeWorker.holds = () => false;
  FakeWorker.fails = false;
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a click is answered in the detail on screen, its mask in pixels of the image", async () => {
  const { editor, looks } = await setUp();
  editor.view.show([250, 250, 350, 350]);
  await settle(300);
  const seen = looks.at(-1);
  expect(seen).toMatchObject({ ready: true, detail: { level: 1 } });
  editor.apply(click(300));
  await settle();
  const [asked] = decodes();
  const [x0, y0] = seen?.detail.box ?? [0, 0];
  expect(asked?.image).toMatchObject({ id: `i ${seen?.detail.key}`, detail: seen?.detail.key });
  expect(asked?.body.prompts).toEqual([{ type: "point", x: 300 - x0, y: 300 - y0, label: 1 }]);
  const runs = editor.doc.draft?.answers?.[0]?.runs;
  expect(runs && [runs.h, runs.w, areaOf(runs), runs.counts[0]]).toEqual([1000, 1000, 10, x0 * 1000 + y0]);
});

test("logits go back to the model and the detail they came from; elsewhere the mask that they make does", async () => {
  const { editor, decoding } = await setUp();
  editor.apply(click(300));
  await settle();
  const { logits } = editor.doc.draft?.answers?.[0] ?? {};
  editor.apply(click(310, 0));
  await settle();
  expect(decodes()[1]?.body.mask).toBe(logits);
  await decoding.open(modelOf("other"), image);
  editor.apply(click(320, 0));
  await settle();
  expect(decodes().at(-1)?.model.id).toBe("other");
  expect(decodes().at(-1)?.body.mask).toMatchObject({ h: 1000, w: 1000 });
});

test("a click that is taken back and done again before its answer still gets one", async () => {
  const { editor } = await setUp();
  FakeWorker.holds = ({ kind }) => kind === "decode";
  editor.apply(click(300));
  await settle();
  editor.undo();
  for (const answer of FakeWorker.held.splice(0)) answer();
  await settle();
  FakeWorker.holds = () => false;
  editor.redo();
  await settle();
  expect(editor.doc.draft?.answers).toHaveLength(1);
});

test("a stroke made before the answer goes onto it, and does not ask again", async () => {
  const { editor } = await setUp();
  FakeWorker.holds = ({ kind }) => kind === "decode";
  editor.apply(click(300));
  await settle();
  editor.apply(paint(stroke, false, "draft"));
  await settle();
  for (const answer of FakeWorker.held.splice(0)) answer();
  await settle();
  expect(decodes()).toHaveLength(1);
  expect(editor.doc.draft).toMatchObject({ answers: [{ token: 1 }], edited: true });
  expect(areaOf(editor.doc.draft?.painted as Runs)).toBe(10 + 100);
});

test("where the decoder fails, what was painted stands by itself", async () => {
  const { editor } = await setUp();
  FakeWorker.fails = true;
  FakeWorker.holds = ({ kind }) => kind === "decode";
  editor.apply(click(300));
  await settle();
  editor.apply(paint(stroke, false, "draft"));
  for (const answer of FakeWorker.held.splice(0)) answer();
  await settle();
  expect(editor.doc.draft?.answers).toBeNull();
  expect(areaOf(editor.doc.draft?.painted as Runs)).toBe(100);
});

test("turned off, nothing of a detail is told, and turned on again it is at once", async () => {
  const { editor, decoding, looks } = await setUp();
  FakeWorker.holds = ({ image: part }) => part.id !== "i";
  editor.view.show([250, 250, 350, 350]);
  await settle(300);
  decoding.setDetailed(false);
  expect(looks.at(-1)).toBeNull();
  for (const answer of FakeWorker.held.splice(0)) answer();
  await settle();
  expect(looks.at(-1)).toBeNull();
  editor.apply(click(300));
  await settle();
  expect(decodes()[0]?.image.detail).toBe("0-0-0");
  decoding.setDetailed(true);
  expect(looks.at(-1)).toMatchObject({ ready: true, detail: { level: 1 } });
});

test("a preview goes when the pointer does, also just after a detail has become ready", async () => {
  const { editor, decoding } = await setUp();
  decoding.hover(imagePoint(300, 300));
  await settle();
  const shown = vi.spyOn(editor, "setPreview");
  editor.view.show([250, 250, 350, 350]);
  await settle(300);
  decoding.hover(null);
  expect(shown).toHaveBeenLastCalledWith(null);
});
