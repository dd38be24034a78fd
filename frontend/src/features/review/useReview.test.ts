import { expect, test } from "vitest";
import type { ReviewItem } from "../../api/types";
import { positionOf, withoutMask } from "./useReview";

test("a decided mask leaves its page and no other", () => {
  const item = (id: string) => ({ mask: { id } }) as ReviewItem;
  const data = { pageParams: [null], pages: [{ items: [item("a"), item("b")] }, { items: [item("c")] }] };
  expect(withoutMask(data, "b")?.pages.map((page) => page.items.map((one) => one.mask.id))).toEqual([["a"], ["c"]]);
  expect(withoutMask(undefined, "b")).toBeUndefined();
});

test("the mask being looked at stays while the list changes around it", () => {
  const items = (...ids: string[]) => ids.map((id) => ({ mask: { id } }) as ReviewItem);
  expect(positionOf(items("b", "c"), { id: "b", index: 1 })).toBe(0);
  expect(positionOf(items("new", "a", "b"), { id: "b", index: 1 })).toBe(2);
  // Decided: whatever has come into its place.
  expect(positionOf(items("a", "c"), { id: "b", index: 1 })).toBe(1);
  expect(positionOf(items("a"), { id: "b", index: 1 })).toBe(0);
  expect(positionOf([], { id: "b", index: 1 })).toBe(0);
});
