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

export function useReview(datasetId: string, status: ReviewStatus) {
  const queryClient = useQueryClient();
  const query = useInfiniteQuery(reviewQuery(datasetId, status));
  const [wanted, setWanted] = useState(0);
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  const position = Math.min(wanted, Math.max(0, items.length - 1));

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
    current: items[position],
    upcoming: items[position + 1],
    decide,
    go: (to: number) => setWanted(Math.max(0, Math.min(to, items.length - 1))),
  };
}
