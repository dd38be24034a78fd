/** One piece of background work: what it is, how far it is, what it says. */
import { Group, Loader, Progress, Stack, Text } from "@mantine/core";
import type { Job } from "../api/types";
import { count, percent } from "../lib/format";

export function JobProgress({ job, title = job.title }: { job: Job; title?: string }) {
  const known = job.total > 0;
  return (
    <Stack gap={4}>
      <Group justify="space-between" gap="md" wrap="nowrap">
        <Group gap="xs" wrap="nowrap" miw={0}>
          {job.state === "running" && <Loader size={12} />}
          <Text size="sm" fw={500} truncate>
            {title}
          </Text>
        </Group>
        <Text size="xs" c="var(--ink-soft)" className="tabular" style={{ whiteSpace: "nowrap" }}>
          {job.state === "queued" ? "waiting" : known ? `${count(job.done)} / ${count(job.total)}` : "working"}
        </Text>
      </Group>
      <Progress
        value={known ? percent(job.done, job.total) : 100}
        animated={job.state === "running"}
        color={job.state === "queued" ? "gray.5" : "loom"}
        aria-label={title}
      />
      {job.message && (
        <Text size="xs" c="var(--ink-soft)" truncate>
          {job.message}
        </Text>
      )}
    </Stack>
  );
}
