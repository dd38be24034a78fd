/** An import from the first byte sent to the report. */
import { Button, Card, Group, Progress, Stack, Text } from "@mantine/core";
import { useQueries, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { keys } from "../../api/keys";
import { jobQuery } from "../../api/queries";
import { bytes, percent, plural } from "../../lib/format";
import { mergeReports, readReport } from "../../lib/importReport";
import { ErrorNotice } from "../../ui/ErrorNotice";
import { JobProgress } from "../../ui/JobProgress";
import { ReportView } from "../../ui/ReportView";
import { clearImport, stopImport, useImportRuns } from "./importRun";

export function ImportStatus({ datasetId }: { datasetId: string }) {
  const queryClient = useQueryClient();
  const run = useImportRuns((store) => store.runs[datasetId]);
  const jobs = useQueries({ queries: (run?.jobIds ?? []).map((id) => jobQuery(id)) })
    .map((query) => query.data)
    .filter((job) => job !== undefined);
  const over =
    run !== undefined &&
    run.state !== "uploading" &&
    jobs.length === run.jobIds.length &&
    jobs.every((job) => job.finished_at);
  useEffect(() => {
    if (!over) return;
    void queryClient.invalidateQueries({ queryKey: keys.images(datasetId) });
    void queryClient.invalidateQueries({ queryKey: keys.datasets });
  }, [over, queryClient, datasetId]);
  if (!run) return null;

  const working = jobs.filter((job) => job.state === "queued" || job.state === "running");
  const failed = jobs.filter((job) => job.state === "failed");
  const reports = jobs.map((job) => readReport(job.result)).filter((report) => report !== null);

  return (
    <Card>
      <Stack gap="sm" aria-live="polite">
        {run.state === "uploading" && (
          <Stack gap={4}>
            <Group justify="space-between">
              <Text size="sm" fw={500}>
                Sending {plural(run.numFiles, "file")}
              </Text>
              <Group gap="sm">
                <Text size="xs" c="var(--ink-soft)" className="tabular">
                  {bytes(run.sentBytes)} of {bytes(run.totalBytes)}
                </Text>
                <Button size="compact-xs" variant="default" onClick={() => stopImport(datasetId)}>
                  Stop
                </Button>
              </Group>
            </Group>
            <Progress value={percent(run.sentBytes, run.totalBytes)} aria-label="Upload" />
          </Stack>
        )}
        {run.error && <ErrorNotice error={new Error(run.error)} title="The upload stopped" />}
        {working.map((job) => (
          <JobProgress key={job.id} job={job} title="Reading and checking the files" />
        ))}
        {failed.map((job) => (
          <ErrorNotice key={job.id} error={new Error(job.error ?? "Unknown reason.")} title="The import failed" />
        ))}
        {reports.length > 0 && <ReportView report={mergeReports(reports)} />}
        {over && (
          <Group justify="flex-end">
            <Button size="xs" variant="default" onClick={() => clearImport(datasetId)}>
              Close
            </Button>
          </Group>
        )}
      </Stack>
    </Card>
  );
}
