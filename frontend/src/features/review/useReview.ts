/** The list under review and the verdicts: a decided mask leaves the list at once and comes back if the backend refuses. */
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import { reviewQuery } from "../../api/queries";
import type { ReviewItem, ReviewStatus } from "../../api/types";
import { useAction } from "../../ui/useAction";

interface Verdict {
  maskId: string;
  verdict: "approve" | "reject";
  reason?: string;
}

interface Pages {
  pages: { items: ReviewItem[] }[];
}

export function withoutMask<D extends Pages>(data: D | undefined, maskId: string): D | undefined {
  if (!data) return data;
  const pages = data.pages.map((page) => ({ ...page, items: page.items.filter((item) => item.mask.id !== maskId) }));
  return { ...data, pages };
}

/** Where a reviewer is: at a certain mask, and at its place in the list once it has left. */
export interface Place {
  id: string | null;
  index: number;
}

/** The list changes while somebody looks at it; the mask under the eyes, and under the verdict keys, must not. */
export function positionOf(items: readonly ReviewItem[], { id, index }: Place): number {
  const found = id === null ? -1 : items.findIndex((item) => item.mask.id === id);
  return found >= 0 ? found : Math.max(0, Math.min(index, items.length - 1));
}

export function useReview(datasetId: string, status: ReviewStatus) {
  const queryClient = useQueryClient();
  const query = useInfiniteQuery(reviewQuery(datasetId, status));
  const [place, setPlace] = useState<Place>({ id: null, index: 0 });
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  const position = positionOf(items, place);
  const current = items[position];
  // Remembered while rendering: whatever is shown is what the next list is searched for.
  if (current && (current.mask.id !== place.id || position !== place.index)) {
    setPlace({ id: current.mask.id, index: position });
  }

  const send = useAction({
    run: ({ maskId, verdict, reason }: Verdict) =>
      unwrap(
        api.POST("/api/masks/{mask_id}/review", {
          params: { path: { mask_id: maskId } },
          body: { verdict, ...(reason ? { reason } : {}) },
        }),
      ),
    stale: [keys.review(datasetId), keys.datasets],
  });

  const decide = (verdict: Verdict) => {
    queryClient.setQueryData(reviewQuery(datasetId, status).queryKey, (data) => withoutMask(data, verdict.maskId));
    send.mutate(verdict);
    if (position > items.length - 4 && query.hasNextPage) void query.fetchNextPage();
  };

  return {
    query,
    items,
    position,
    current,
    upcoming: items[position + 1],
    decide,
    go: (to: number) => {
      const index = Math.max(0, Math.min(to, items.length - 1));
      setPlace({ id: items[index]?.mask.id ?? null, index });
    },
    /** From the top of whichever list is shown next. */
    restart: () => setPlace({ id: null, index: 0 }),
  };
}
