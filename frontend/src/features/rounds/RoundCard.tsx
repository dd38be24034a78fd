/** One round of the timeline: what went in, how it went, what the gate said, what can be done. */
import { Alert, Badge, Card, Group, SimpleGrid, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { jobQuery } from "../../api/queries";
import type { Round } from "../../api/types";
import { between } from "../../lib/format";
import { metricRows } from "../../lib/metrics";
import { readGate } from "../../lib/roundGate";
import { Ago } from "../../ui/Ago";
import { RoundBadge } from "../../ui/badges";
import { Comparison } from "../../ui/Comparison";
import { JobProgress } from "../../ui/JobProgress";
import { Verdict } from "../../ui/Verdict";
import { RoundActions } from "./RoundActions";
import { RoundLineage } from "./RoundLineage";
import classes from "./RoundsPage.module.css";
import { isRunning } from "./roundState";

interface Props {
  round: Round;
  /** Its model is the active one: a rollback takes it back. */
  inUse: boolean;
  /** No round of this dataset is running. */
  idle: boolean;
}

export function RoundCard({ round, inUse, idle }: Props) {
  const running = isRunning(round.state);
  const gate = readGate(round.gate);
  const took = between(round.started_at, round.finished_at, Date.now());
  const facts = [
    `stage ${round.stage}`,
    ...(round.mode === "auto" ? [] : [round.mode === "full" ? "whole model" : "decoder"]),
    startedBy(round),
    ...(took && !running ? [`took ${took}`] : []),
  ];
  return (
    <li className={classes.entry} data-state={round.state} data-running={running}>
      <Card p="lg">
        <Group justify="space-between" align="flex-start" mb="sm">
          <div>
            <Group gap="sm">
              <Title order={3}>Round {round.number}</Title>
              <RoundBadge state={round.state} />
              {inUse && <Badge color="loom">in use</Badge>}
            </Group>
            <Text size="xs" c="var(--ink-soft)" mt={2}>
              <Ago at={round.created_at} />, {facts.join(", ")}
            </Text>
          </div>
          <RoundActions round={round} inUse={inUse} idle={idle} />
        </Group>
        {running && round.job_id && <RunningJob jobId={round.job_id} />}
        {round.error && (
          <Alert color="red" title="Why it failed">
            {round.error}
          </Alert>
        )}
        <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="xl">
          {gate && <Verdict gate={gate} />}
          <Comparison rows={metricRows(round.before, round.after)} />
        </SimpleGrid>
        <RoundLineage round={round} />
      </Card>
    </li>
  );
}

function RunningJob({ jobId }: { jobId: string }) {
  const { data: job } = useQuery(jobQuery(jobId));
  return job ? <JobProgress job={job} title="Training and evaluating" /> : null;
}

function startedBy({ trigger, cause }: Round): string {
  if (trigger === "auto") return "started by itself";
  return typeof cause.started_by === "string" ? `started by ${cause.started_by}` : "started by hand";
}
