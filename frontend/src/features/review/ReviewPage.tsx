/** Masks waiting for a reviewer, one large and the rest beside it; everything by keyboard. */
import { Box, Button, Group, Kbd, Loader, SegmentedControl, Text, Title, Tooltip } from "@mantine/core";
import { type HotkeyItem, useDocumentTitle, useHotkeys } from "@mantine/hooks";
import { IconChecklist, IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { datasetQuery } from "../../api/queries";
import type { ReviewStatus } from "../../api/types";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNotice } from "../../ui/ErrorNotice";
import { MaskFocus } from "./MaskFocus";
import { MaskStrip } from "./MaskStrip";
import { RejectDialog } from "./RejectDialog";
import classes from "./ReviewPage.module.css";
import { useReview } from "./useReview";

const STATUSES: { value: ReviewStatus; label: string }[] = [
  { value: "pending", label: "Waiting" },
  { value: "rejected", label: "Rejected" },
  { value: "approved", label: "Approved" },
];

export function ReviewPage() {
  const { datasetId = "" } = useParams();
  const [status, setStatus] = useState<ReviewStatus>("pending");
  const [whole, setWhole] = useState(false);
  const [bare, setBare] = useState(false);
  /** The mask that the open dialog is about. */
  const [rejecting, setRejecting] = useState<string | null>(null);
  const { query, items, position, current, upcoming, decide, go, restart } = useReview(datasetId, status);
  useDocumentTitle("Review · Maskloom");

  const approve = () => current && status !== "approved" && decide({ maskId: current.mask.id, verdict: "approve" });
  // A key held down is not a verdict on what comes next.
  const approveByKey = (event: KeyboardEvent) => !event.repeat && approve();
  const askReason = () => current && status !== "rejected" && setRejecting(current.mask.id);
  const letters: HotkeyItem[] = [
    ["A", approveByKey],
    ["R", askReason],
    ["W", () => setWhole((value) => !value)],
    ["H", () => setBare((value) => !value)],
  ];
  const arrows: HotkeyItem[] = [
    ["ArrowRight", () => go(position + 1)],
    ["ArrowLeft", () => go(position - 1)],
  ];
  // The list switch is made of radio buttons, which keep the arrow keys but have no use for letters.
  useHotkeys(rejecting === null ? letters : [], []);
  useHotkeys(rejecting === null ? arrows : []);

  return (
    <Box className={classes.page}>
      <Group className={classes.bar} justify="space-between" wrap="nowrap">
        <Group gap="md" wrap="nowrap">
          <Title order={1} fz="md">
            Review
          </Title>
          <SegmentedControl
            value={status}
            data={STATUSES}
            aria-label="Show masks that are"
            onChange={(value) => {
              setStatus(value as ReviewStatus);
              restart();
            }}
          />
          {items.length > 0 && (
            <Text size="sm" c="var(--ink-soft)" className="tabular">
              {position + 1} of {items.length}
              {query.hasNextPage ? "+" : ""}
            </Text>
          )}
        </Group>
        <Group gap="md" visibleFrom="md" className={classes.keys}>
          <Text size="xs">
            <Kbd size="xs">A</Kbd> approve
          </Text>
          <Text size="xs">
            <Kbd size="xs">R</Kbd> reject
          </Text>
          <Text size="xs">
            <Kbd size="xs">←</Kbd> <Kbd size="xs">→</Kbd> browse
          </Text>
          <Text size="xs">
            <Kbd size="xs">W</Kbd> whole image
          </Text>
          <Text size="xs">
            <Kbd size="xs">H</Kbd> hide the mask
          </Text>
        </Group>
      </Group>
      {query.error && (
        <Box p="lg">
          <ErrorNotice error={query.error} retry={() => void query.refetch()} />
        </Box>
      )}
      {query.isPending && <Loader m="xl" aria-label="Loading" />}
      {query.data && items.length === 0 && <NothingHere status={status} datasetId={datasetId} />}
      {current && (
        <div className={classes.body}>
          <div className={classes.stage}>
            <MaskFocus item={current} preload={upcoming} whole={whole} bare={bare} />
            <Group className={classes.actions} justify="center" gap="sm" wrap="nowrap">
              <Tooltip label="Previous">
                <Button
                  variant="default"
                  px="xs"
                  disabled={position === 0}
                  onClick={() => go(position - 1)}
                  aria-label="Previous mask"
                >
                  <IconChevronLeft size={16} />
                </Button>
              </Tooltip>
              <Button color="red" variant="light" disabled={status === "rejected"} onClick={askReason} w={140}>
                Reject…
              </Button>
              <Button disabled={status === "approved"} onClick={approve} w={140}>
                Approve
              </Button>
              <Tooltip label="Next">
                <Button
                  variant="default"
                  px="xs"
                  disabled={position >= items.length - 1}
                  onClick={() => go(position + 1)}
                  aria-label="Next mask"
                >
                  <IconChevronRight size={16} />
                </Button>
              </Tooltip>
            </Group>
          </div>
          <MaskStrip items={items} position={position} onPick={go} query={query} />
        </div>
      )}
      <RejectDialog
        opened={rejecting !== null}
        onClose={() => setRejecting(null)}
        onReject={(reason) => {
          setRejecting(null);
          if (rejecting) decide({ maskId: rejecting, verdict: "reject", reason });
        }}
      />
    </Box>
  );
}

function NothingHere({ status, datasetId }: { status: ReviewStatus; datasetId: string }) {
  const { data: dataset } = useQuery(datasetQuery(datasetId));
  if (status !== "pending") {
    return (
      <EmptyState icon={IconChecklist} title={`No ${status} masks`}>
        Verdicts of reviewers appear here. They can be changed.
      </EmptyState>
    );
  }
  const off = dataset?.review_mode === "none";
  return (
    <EmptyState
      icon={IconChecklist}
      title={off ? "This dataset needs no review" : "Nothing waits for review"}
      action={
        <Button component={Link} to={`/datasets/${datasetId}`} variant="default">
          To the dataset
        </Button>
      }
    >
      {off
        ? "An annotator's accept is final here. An admin can ask for review under Settings."
        : "New masks appear here as soon as annotators accept them."}
    </EmptyState>
  );
}
