import { expect, test } from "vitest";
import { nextStep } from "./nextStep";

const counts = { images: 10, embedded: 10, annotated: 4, masks: 20, proposals: 0, to_review: 3 };

test("an empty dataset has no step: the grid asks for images", () => {
  expect(nextStep({ stage: 1, counts: { ...counts, images: 0, embedded: 0, annotated: 0 } }, "admin")).toBeNull();
});

test("images left to annotate come before review", () => {
  expect(nextStep({ stage: 1, counts }, "reviewer")?.title).toBe("6 images to annotate");
});

test("with all annotated a reviewer reviews, an admin without reviews trains", () => {
  const done = { ...counts, annotated: 10 };
  expect(nextStep({ stage: 1, counts: done }, "reviewer")?.action).toMatchObject({ page: "review" });
  expect(nextStep({ stage: 1, counts: done }, "annotator")?.action).toBeNull();
  expect(nextStep({ stage: 2, counts: { ...done, to_review: 0 } }, "admin")?.action).toMatchObject({ page: "rounds" });
});

test("stage 3 asks nobody to annotate", () => {
  expect(nextStep({ stage: 3, counts }, "annotator")?.action).toMatchObject({ page: "exports" });
});

test("nothing to click before the first embedding", () => {
  expect(nextStep({ stage: 1, counts: { ...counts, embedded: 0, annotated: 0 } }, "admin")?.action).toBeNull();
});
