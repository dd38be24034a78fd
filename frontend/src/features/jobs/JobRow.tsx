/** A job in the list: how far, what it says, what went wrong, and what can be done about it. */
import { ActionIcon, Box, Group, Progress, Table, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconChevronRight, IconPlayerStop, IconReload } from "@tabler/icons-react";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import { useMay } from "../../api/session";
import type { Job } from "../../api/types";
import { between, count, percent } from "../../lib/format";
import { Ago } from "../../ui/Ago";
import { JobBadge } from "../../ui/badges";
import { useAction } from "../../ui/useAction";
import { useNow } from "../../ui/useNow";
import { JobDetails } from "./JobDetails";

export function JobRow({ job, dataset }: { job: Job; dataset: string | null }) {
  const [opened, { toggle }] = useDisclosure();
  const line = job.error ?? job.message;
  return (
    <>
      <Table.Tr>
        <Table.Td>
          <UnstyledButton onClick={toggle} aria-expanded={opened} w="100%">
            <Group gap="xs" wrap="nowrap">
              <IconChevronRight size={14} style={{ flex: "none", transform: opened ? "rotate(90deg)" : "none" }} />
              <Box miw={0}>
                <Text size="sm" fw={500} lineClamp={1}>
                  {job.title}
                </Text>
                <Text size="xs" c={job.error ? "red" : "var(--ink-soft)"} lineClamp={1}>
                  {[dataset, line].filter(Boolean).join(" · ") || job.kind}
                </Text>
              </Box>
            </Group>
          </UnstyledButton>
        </Table.Td>
        <Table.Td>
          <JobBadge state={job.state} />
        </Table.Td>
        <Table.Td>{job.state !== "queued" && <RowProgress job={job} />}</Table.Td>
        <Table.Td>
          <Text size="xs" c="var(--ink-soft)">
            <Ago at={job.started_at ?? job.created_at} />
          </Text>
        </Table.Td>
        <Table.Td>
          <JobActions job={job} />
        </Table.Td>
      </Table.Tr>
      {opened && (
        <Table.Tr>
          <Table.Td colSpan={5} p={0} bg="var(--canvas)">
            <JobDetails job={job} />
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}

function RowProgress({ job }: { job: Job }) {
  const now = useNow(job.state === "running" ? 1_000 : 60_000);
  const running = job.state === "running";
  const share = job.total > 0 ? percent(job.done, job.total) : running || job.state === "succeeded" ? 100 : 0;
  const color = job.state === "failed" ? "red" : running ? "loom" : "gray.5";
  return (
    <>
      <Progress value={share} color={color} animated={running} aria-label={`Progress of ${job.title}`} />
      <Group justify="space-between" mt={3}>
        <Text size="xs" c="var(--ink-soft)" className="tabular">
          {job.total > 0 ? `${count(job.done)} / ${count(job.total)}` : ""}
        </Text>
        <Text size="xs" c="var(--ink-soft)" className="tabular">
          {between(job.started_at, job.finished_at, now)}
        </Text>
      </Group>
    </>
  );
}

function JobActions({ job }: { job: Job }) {
  const admin = useMay("admin");
  const params = { path: { job_id: job.id } };
  const cancel = useAction({
    run: () => unwrap(api.POST("/api/jobs/{job_id}/cancel", { params })),
    stale: [keys.jobs],
    done: "The job stops at its next safe point.",
  });
  const retry = useAction({ run: () => unwrap(api.POST("/api/jobs/{job_id}/retry", { params })), stale: [keys.jobs] });
  if (!admin) return null;
  const active = job.state === "queued" || job.state === "running";
  return (
    <Group justify="flex-end" wrap="nowrap">
      {active && (
        <Tooltip label={job.cancel_requested ? "Stopping" : "Cancel"}>
          <ActionIcon
            variant="subtle"
            color="gray"
            disabled={job.cancel_requested}
            loading={cancel.isPending}
            onClick={() => cancel.mutate()}
            aria-label={`Cancel ${job.title}`}
          >
            <IconPlayerStop size={16} />
          </ActionIcon>
        </Tooltip>
      )}
      {job.can_retry && (
        <Tooltip label="Try again">
          <ActionIcon
            variant="subtle"
            loading={retry.isPending}
            onClick={() => retry.mutate()}
            aria-label={`Retry ${job.title}`}
          >
            <IconReload size={16} />
          </ActionIcon>
        </Tooltip>
      )}
    </Group>
  );
}
