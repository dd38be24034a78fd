/** Background work of all datasets, live. */
import { Card, Group, SegmentedControl, Select, Skeleton, Table } from "@mantine/core";
import { IconStack2 } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { datasetsQuery, jobsQuery } from "../../api/queries";
import type { JobState } from "../../api/types";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNotice } from "../../ui/ErrorNotice";
import { LoadMore } from "../../ui/LoadMore";
import { Page } from "../../ui/Page";
import { PageHeader } from "../../ui/PageHeader";
import { JobRow } from "./JobRow";

const STATES: { value: JobState | "all"; label: string }[] = [
  { value: "all", label: "All" },
  { value: "running", label: "Running" },
  { value: "queued", label: "Waiting" },
  { value: "failed", label: "Failed" },
  { value: "succeeded", label: "Done" },
  { value: "cancelled", label: "Cancelled" },
];

export function JobsPage() {
  const [state, setState] = useState<JobState | "all">("all");
  const [datasetId, setDatasetId] = useState<string | null>(null);
  const { data: datasets = [] } = useQuery(datasetsQuery);
  const jobs = useInfiniteQuery(
    jobsQuery({ state: state === "all" ? undefined : state, datasetId: datasetId ?? undefined }),
  );
  const items = jobs.data?.pages.flatMap((page) => page.items) ?? [];
  const nameOf = (id: string | null | undefined) => datasets.find((dataset) => dataset.id === id)?.name ?? null;

  return (
    <Page>
      <PageHeader
        title="Jobs"
        description="Imports, embeddings, rounds, generation and exports. What is lost with a worker is taken up again by itself."
      />
      <Group justify="space-between" mb="md">
        <SegmentedControl
          value={state}
          data={STATES}
          onChange={(value) => setState(value as JobState | "all")}
          aria-label="State"
        />
        <Select
          aria-label="Dataset"
          placeholder="All datasets"
          size="xs"
          w={220}
          clearable
          searchable
          value={datasetId}
          onChange={setDatasetId}
          data={datasets.map((dataset) => ({ value: dataset.id, label: dataset.name }))}
        />
      </Group>
      {jobs.error && <ErrorNotice error={jobs.error} retry={() => void jobs.refetch()} />}
      {jobs.isPending && <Skeleton h={320} />}
      {jobs.data && items.length === 0 && (
        <EmptyState icon={IconStack2} title={state === "all" && !datasetId ? "No jobs yet" : "No such jobs"}>
          {state === "all" && !datasetId
            ? "Adding images to a dataset starts the first ones."
            : "Choose another state or dataset above."}
        </EmptyState>
      )}
      {items.length > 0 && (
        <Card p={0}>
          <Table.ScrollContainer minWidth={720}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Job</Table.Th>
                  <Table.Th w={110}>State</Table.Th>
                  <Table.Th w={200}>Progress</Table.Th>
                  <Table.Th w={130}>Started</Table.Th>
                  <Table.Th w={84} aria-label="Actions" />
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {items.map((job) => (
                  <JobRow key={job.id} job={job} dataset={nameOf(job.dataset_id)} />
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        </Card>
      )}
      <LoadMore {...jobs} />
    </Page>
  );
}
