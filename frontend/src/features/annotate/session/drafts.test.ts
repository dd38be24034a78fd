import { beforeEach, expect, test } from "vitest";
import { addPrompt, paint } from "../../../editor/actions";
import { awaitsAnswer, emptyDoc } from "../../../editor/document";
import { areaOf, type Runs, runsOfPixels } from "../../../geometry/runs";
import { keepDraft, keptView, type Shelf, withKeptDraft } from "./drafts";

const SEEN = [0, 0, 2, 1] as const;

const empty = emptyDoc({ h: 2, w: 2 });
const clicked = addPrompt({ type: "point", x: 1, y: 0, label: 1 }, "a")(empty);
const painted = paint(runsOfPixels([1, 1, 0, 0], { h: 2, w: 2 }), false, "a")(empty);

let values = new Map<string, string>();
const shelf = (): Shelf => ({
  getItem: (key) => values.get(key) ?? null,
  setItem: (key, value) => void values.set(key, value),
  removeItem: (key) => void values.delete(key),
});

beforeEach(() => {
  values = new Map();
});

test("clicks come back and ask for their answer again", () => {
  keepDraft("u", "i", clicked.draft, SEEN, shelf);
  const { draft } = withKeptDraft("u", "i", empty, shelf);
  expect(draft).toMatchObject({ id: "a", prompts: clicked.draft?.prompts });
  expect(awaitsAnswer(draft)).toBe(true);
});

test("what was on screen comes back with the draft of its image, and only with it", () => {
  keepDraft("u", "i", clicked.draft, SEEN, shelf);
  expect(keptView("u", "i", shelf)).toEqual(SEEN);
  expect(keptView("u", "other", shelf)).toBeNull();
  values.set("maskloom-draft-u", JSON.stringify({ imageId: "i", prompts: [] }));
  expect(keptView("u", "i", shelf)).toBeNull();
});

test("brush strokes come back as they were", () => {
  keepDraft("u", "i", painted.draft, SEEN, shelf);
  expect(areaOf(withKeptDraft("u", "i", empty, shelf).draft?.painted as Runs)).toBe(2);
});

test("strokes that wait for an answer come back waiting", () => {
  const both = paint(runsOfPixels([1, 1, 0, 0], { h: 2, w: 2 }), true, "a")(clicked);
  keepDraft("u", "i", both.draft, SEEN, shelf);
  const { draft } = withKeptDraft("u", "i", empty, shelf);
  expect(awaitsAnswer(draft)).toBe(true);
  expect(draft).toMatchObject({ strokes: [{ erase: true, runs: { h: 2, w: 2 } }], edited: true });
});

test("other images, other users, finished objects and garbage bring nothing back", () => {
  keepDraft("u", "i", clicked.draft, SEEN, shelf);
  expect(withKeptDraft("u", "other", empty, shelf)).toBe(empty);
  expect(withKeptDraft("v", "i", empty, shelf)).toBe(empty);
  keepDraft("u", "i", null, SEEN, shelf);
  expect(values.size).toBe(0);
  values.set("maskloom-draft-u", "{");
  expect(withKeptDraft("u", "i", empty, shelf)).toBe(empty);
});
