/** One round of the timeline: what went in, how it went, what the gate said, what can be done. */
import { Alert, Badge, Card, Group, SimpleGrid, Stack, Table, Text, Title, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { jobQuery } from "../../api/queries";
import type { Round } from "../../api/types";
import { between, NOTHING, plural, score, shortHash, signed } from "../../lib/format";
import { isBetter, type MetricRow, metricRows } from "../../lib/metrics";
import { Ago } from "../../ui/Ago";
import { RoundBadge } from "../../ui/badges";
import { JobProgress } from "../../ui/JobProgress";
import { RoundActions } from "./RoundActions";
import classes from "./RoundsPage.module.css";
import { type RoundGate, readGate } from "./roundGate";
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
    round.mode === "full" ? "whole model" : "decoder",
    round.trigger === "auto" ? "started by itself" : "started by hand",
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
        {round.snapshot && (
          <Tooltip label={`sha256 ${round.snapshot.sha256}`} multiline maw={320}>
            <Text size="xs" c="var(--ink-soft)" mt="sm" w="fit-content">
              Snapshot of {plural(round.snapshot.masks, "mask")} on {plural(round.snapshot.images, "image")},{" "}
              <span style={{ fontFamily: "var(--mantine-font-family-monospace)" }}>
                {shortHash(round.snapshot.sha256)}
              </span>
            </Text>
          </Tooltip>
        )}
      </Card>
    </li>
  );
}

function RunningJob({ jobId }: { jobId: string }) {
  const { data: job } = useQuery(jobQuery(jobId));
  return job ? <JobProgress job={job} title="Training and evaluating" /> : null;
}

function Verdict({ gate }: { gate: RoundGate }) {
  return (
    <Stack gap={4}>
      <Text size="xs" c="var(--ink-soft)">
        Gate
      </Text>
      {gate.gain !== null && (
        <Group gap="sm">
          <Text fz={20} fw={600} lh={1.2} className="tabular" c={gate.passed ? "green" : "orange"}>
            {signed(gate.gain)}
          </Text>
          <Text size="xs" c="var(--ink-soft)" className="tabular">
            95 % between {signed(gate.low)} and {signed(gate.high)}
          </Text>
        </Group>
      )}
      <Text size="sm">{gate.reason}</Text>
      {gate.overridden && <Text size="sm">An admin put it in use all the same.</Text>}
      {gate.rolledBack && <Text size="sm">It was rolled back later.</Text>}
    </Stack>
  );
}

function Comparison({ rows }: { rows: MetricRow[] }) {
  if (rows.length === 0) return null;
  return (
    <Table
      verticalSpacing={3}
      horizontalSpacing="xs"
      withRowBorders={false}
      highlightOnHover={false}
      fz="sm"
      className="tabular"
    >
      <Table.Thead>
        <Table.Tr>
          <Table.Th fw={400} fz="xs" c="var(--ink-soft)">
            Held-out images
          </Table.Th>
          <Table.Th fw={400} fz="xs" c="var(--ink-soft)" ta="right">
            before
          </Table.Th>
          <Table.Th fw={400} fz="xs" c="var(--ink-soft)" ta="right">
            after
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map((row) => (
          <Table.Tr key={row.key}>
            <Table.Td>{row.label}</Table.Td>
            <Table.Td ta="right">{figure(row, row.before)}</Table.Td>
            <Table.Td ta="right" fw={600} c={colorOf(isBetter(row))}>
              {figure(row, row.after)}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function figure(row: MetricRow, value: number | null): string {
  if (value === null) return NOTHING;
  return row.key.startsWith("noc") ? value.toFixed(2) : score(value);
}

function colorOf(better: boolean | null): string | undefined {
  if (better === null) return undefined;
  return better ? "green" : "orange";
}
