/** Everything about one job: the error in full, the result, times and attempts. */
import { Alert, Code, Group, Stack, Text } from "@mantine/core";
import type { Job } from "../../api/types";
import { readReport } from "../../lib/importReport";
import { ReportView } from "../../ui/ReportView";

export function JobDetails({ job }: { job: Job }) {
  const report = readReport(job.result);
  const facts: [string, string][] = [
    ["Kind", job.kind],
    ["Queue", job.queue],
    ["Attempts", String(job.attempts)],
    ["Asked for", new Date(job.created_at).toLocaleString()],
    ...(job.finished_at ? ([["Ended", new Date(job.finished_at).toLocaleString()]] as [string, string][]) : []),
    ["Id", job.id],
  ];
  return (
    <Stack gap="sm" px="xl" py="md">
      {job.error && (
        <Alert color="red" title="Why it failed">
          <Text size="sm" style={{ whiteSpace: "pre-wrap" }}>
            {job.error}
          </Text>
        </Alert>
      )}
      {report && <ReportView report={report} />}
      {!report && job.result && Object.keys(job.result).length > 0 && (
        <Code block fz="xs">
          {JSON.stringify(job.result, null, 2)}
        </Code>
      )}
      <Group gap="xl">
        {facts.map(([label, value]) => (
          <div key={label}>
            <Text size="xs" c="var(--ink-soft)">
              {label}
            </Text>
            <Text size="xs" ff={label === "Id" ? "monospace" : undefined}>
              {value}
            </Text>
          </div>
        ))}
      </Group>
    </Stack>
  );
}
