/** What runs in the background for this dataset right now. Imports show themselves. */
import { Card, SimpleGrid } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { jobsQuery } from "../../api/queries";
import { JobProgress } from "../../ui/JobProgress";

export function ActiveJobs({ datasetId }: { datasetId: string }) {
  const running = useInfiniteQuery(jobsQuery({ datasetId, state: "running" }));
  const jobs = (running.data?.pages.flatMap((page) => page.items) ?? []).filter(
    (job) => job.kind !== "datasets.import",
  );
  if (jobs.length === 0) return null;
  return (
    <Card px="lg" py="md">
      <SimpleGrid cols={{ base: 1, sm: Math.min(jobs.length, 2) }} spacing="xl">
        {jobs.map((job) => (
          <JobProgress key={job.id} job={job} />
        ))}
      </SimpleGrid>
    </Card>
  );
}
