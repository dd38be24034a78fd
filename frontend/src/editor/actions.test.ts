import { expect, test } from "vitest";
import { areaOf, combine, emptyRuns, type Runs, runsOfPixels } from "../geometry/runs";
import {
  accept,
  addBox,
  addPrompt,
  cancelDraft,
  choose,
  cycle,
  paint,
  refine,
  remove,
  replaceMask,
  setAnswers,
  settle,
  standAlone,
} from "./actions";
import {
  type Answer,
  awaitsAnswer,
  changesOf,
  type Doc,
  type DocMask,
  type Draft,
  draftShape,
  emptyDoc,
  isTouched,
  maskAt,
} from "./document";

const size = { h: 4, w: 6 };
const click = (x: number, label: 0 | 1 = 1) => ({ type: "point", x, y: 1, label }) as const;
const columns = (from: number, to: number): Runs =>
  runsOfPixels(
    Array.from({ length: 24 }, (_, i) => (i % 6 >= from && i % 6 < to ? 1 : 0)),
    size,
  );
const answer = (token: number, runs: Runs): Answer => ({
  token,
  runs,
  predictedIou: 0.9 - token / 10,
  stability: 0.8,
  logits: Float32Array.of(token),
});
const three = [answer(2, columns(0, 2)), answer(1, columns(0, 3)), answer(3, columns(0, 4))];
const figures = { modelId: "m1", seconds: 4 };

const draftOf = (doc: Doc) => doc.draft as Draft;
const answered = (doc: Doc, answers = three) => setAnswers(draftOf(doc), answers)(doc);
const clicked = () => answered(addPrompt(click(1), "a")(emptyDoc(size)));

test("a click opens a draft that waits for its answers", () => {
  const doc = addPrompt(click(1), "a")(emptyDoc(size));
  expect(awaitsAnswer(doc.draft)).toBe(true);
  expect(draftOf(doc)).toMatchObject({ id: "a", prompts: [click(1)], shown: null });
  expect(accept(figures)(doc)).toBe(doc);
});

test("answers to older prompts are dropped", () => {
  const first = addPrompt(click(1), "a")(emptyDoc(size));
  const second = addPrompt(click(2), "b")(first);
  expect(setAnswers(draftOf(first), three)(second)).toBe(second);
});

test("strokes made while the decoder is asked go onto its answer", () => {
  const asked = addPrompt(click(1), "a")(emptyDoc(size));
  const doc = paint(columns(0, 1), true, "z")(paint(columns(4, 6), false, "z")(asked));
  expect(awaitsAnswer(doc.draft)).toBe(true);
  expect(draftShape(draftOf(doc))).toEqual(columns(4, 6));
  expect(accept(figures)(doc)).toBe(doc);
  const done = setAnswers(draftOf(asked), three)(doc);
  expect(draftShape(draftOf(done))).toEqual(combine(columns(1, 2), columns(4, 6), "union"));
  expect(draftOf(done)).toMatchObject({ strokes: [], edited: true, answers: three });
  expect(accept(figures)(done).masks[0]).toMatchObject({ source: "model", candidate: 2, predictedIou: null });
});

test("strokes wait on through another click", () => {
  const asked = addPrompt(click(1), "a")(emptyDoc(size));
  const doc = addPrompt(click(2), "z")(paint(columns(4, 6), false, "z")(asked));
  expect(setAnswers(draftOf(asked), three)(doc)).toBe(doc);
  expect(draftShape(draftOf(answered(doc)))).toEqual(combine(columns(0, 2), columns(4, 6), "union"));
});

test("strokes stand by themselves where no answer comes", () => {
  const asked = addPrompt(click(1), "a")(emptyDoc(size));
  expect(standAlone(asked)).toBe(asked);
  const doc = standAlone(paint(columns(4, 6), false, "z")(asked));
  expect(awaitsAnswer(doc.draft)).toBe(false);
  expect(accept(figures)(doc).masks[0]?.runs).toEqual(columns(4, 6));
});

test("candidates are chosen and cycled; the chosen one's logits go with the next click", () => {
  const doc = cycle(1)(clicked());
  expect(draftShape(draftOf(doc))).toBe(three[1]?.runs);
  expect(draftOf(cycle(-1)(cycle(-1)(doc))).chosen).toBe(2);
  expect(choose(7)(doc)).toBe(doc);
  const next = addPrompt(click(4, 0), "b")(doc);
  expect(draftOf(next)).toMatchObject({
    id: "a",
    prompts: [click(1), click(4, 0)],
    shown: three[1]?.logits,
    answers: null,
  });
  expect(draftShape(draftOf(next))).toBe(three[1]?.runs);
});

test("a new box takes the old one's place", () => {
  const doc = addBox([1, 1, 3, 3], "a")(answered(addBox([0, 0, 2, 2], "a")(emptyDoc(size))));
  expect(draftOf(doc).prompts).toEqual([{ type: "box", box: [1, 1, 3, 3] }]);
});

test("accepting keeps how the mask was made", () => {
  const doc = accept(figures)(cycle(1)(clicked()));
  expect(doc.draft).toBeNull();
  expect(doc.masks).toEqual([
    {
      id: "a",
      runs: three[1]?.runs,
      source: "model",
      status: "accepted",
      modelId: "m1",
      prompts: [click(1)],
      candidate: 1,
      numClicks: 1,
      seconds: 4,
      predictedIou: 0.8,
      stability: 0.8,
      edited: false,
      rejectReason: null,
    },
  ]);
});

test("brush and eraser change the shape, void the predictions, and stand alone without a model", () => {
  const painted = paint(columns(4, 6), false, "a")(clicked());
  expect(areaOf(draftShape(draftOf(painted)) as Runs)).toBe(16);
  expect(accept(figures)(painted).masks[0]).toMatchObject({
    edited: true,
    predictedIou: null,
    source: "model",
    candidate: 2,
  });
  const erased = paint(columns(0, 1), true, "a")(painted);
  expect(areaOf(draftShape(draftOf(erased)) as Runs)).toBe(12);
  const own = accept(figures)(paint(columns(0, 1), false, "b")(emptyDoc(size)));
  expect(own.masks[0]).toMatchObject({ source: "brush", modelId: null, numClicks: 0, edited: true });
  const empty = emptyDoc(size);
  expect(paint(columns(0, 1), true, "b")(empty)).toBe(empty);
  expect(paint(emptyRuns(size), false, "b")(empty)).toBe(empty);
});

test("a click after the brush shows the painted mask to the model", () => {
  const doc = addPrompt(click(5), "z")(paint(columns(4, 6), false, "a")(clicked()));
  expect(draftOf(doc).prompts).toEqual([click(1), { type: "mask" }, click(5)]);
  expect(areaOf(draftOf(doc).shown as Runs)).toBe(16);
});

test("a finished mask is refined with itself as prompt and keeps its id and seconds", () => {
  const done = accept(figures)(clicked());
  const open = refine("a")(done);
  expect(isTouched(open.draft)).toBe(false);
  expect(draftShape(draftOf(open))).toBe(three[0]?.runs);
  const again = addPrompt(click(3), "other")(open);
  expect(draftOf(again)).toMatchObject({
    id: "a",
    shown: three[0]?.runs,
    prompts: [click(1), { type: "mask" }, click(3)],
  });
  const better = accept({ modelId: "m2", seconds: 3 })(answered(again, [answer(0, columns(0, 5))]));
  expect(better.masks).toHaveLength(1);
  expect(better.masks[0]).toMatchObject({ id: "a", seconds: 7, numClicks: 2, modelId: "m2", candidate: 0 });
  expect(cancelDraft(open).masks).toBe(done.masks);
});

test("accepting a proposal as it is keeps its source", () => {
  const base = accept(figures)(clicked());
  const proposed: Doc = { ...base, masks: base.masks.map((m) => ({ ...m, source: "proposal", status: "proposed" })) };
  expect(accept(figures)(refine("a")(proposed)).masks[0]).toMatchObject({ source: "proposal", status: "accepted" });
});

test("nested masks are found from the inside out, and taken away with their draft", () => {
  const one = accept(figures)(clicked());
  const two = accept(figures)(answered(addPrompt(click(1), "b")(one), [answer(0, columns(0, 6))]));
  expect(maskAt(two, { x: 1.5, y: 1.5 })?.id).toBe("a");
  expect(maskAt(two, { x: 5.5, y: 1.5 })?.id).toBe("b");
  expect(maskAt(two, { x: 1.5, y: 1.5 }, (m) => m.id !== "a")?.id).toBe("b");
  expect(remove("a")(refine("a")(two))).toMatchObject({ draft: null, masks: [{ id: "b" }] });
  expect(remove("none")(two)).toBe(two);
});

test("changes tell what to save and what to delete, in both directions", () => {
  const empty = emptyDoc(size);
  const one = accept(figures)(clicked());
  expect(changesOf(empty, one)).toEqual({ saved: one.masks, removed: [] });
  expect(changesOf(one, empty)).toEqual({ saved: [], removed: one.masks });
  const other = replaceMask("a", { ...(one.masks[0] as (typeof one.masks)[0]), seconds: 9 })(one);
  expect(changesOf(one, other).saved).toEqual(other.masks);
  expect(replaceMask("a", null)(other).masks).toEqual([]);
  expect(changesOf(one, { ...one, draft: null })).toEqual({ saved: [], removed: [] });
});

test("a proposal brought back by undo is settled as accepted in every state, and is no change to save again", () => {
  const drawn = accept(figures)(paint(columns(0, 2), false, "p")(emptyDoc(size))).masks[0] as DocMask;
  const locked: DocMask = { ...drawn, status: "proposed" };
  const doc: Doc = { ...emptyDoc(size), masks: [locked] };
  const settled = settle([locked]);
  const now = settled(doc);
  expect(now.masks[0]?.status).toBe("accepted");
  expect(changesOf(now, settled({ ...doc }))).toEqual({ saved: [], removed: [] });
  expect(settled(remove("p")(doc)).masks).toEqual([]);
});
