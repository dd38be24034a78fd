import { expect, test } from "vitest";
import type { ReviewItem } from "../../api/types";
import { withoutMask } from "./useReview";

test("a decided mask leaves its page and no other", () => {
  const item = (id: string) => ({ mask: { id } }) as ReviewItem;
  const data = { pageParams: [null], pages: [{ items: [item("a"), item("b")] }, { items: [item("c")] }] };
  expect(withoutMask(data, "b")?.pages.map((page) => page.items.map((one) => one.mask.id))).toEqual([["a"], ["c"]]);
  expect(withoutMask(undefined, "b")).toBeUndefined();
});
