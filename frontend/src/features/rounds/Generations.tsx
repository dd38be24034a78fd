/** Stage 3: runs that generate all masks by themselves. Earlier stages show it only when there are runs to show. */
import { Button, Card, Group, Progress, Select, Stack, Table, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import { generationsQuery } from "../../api/queries";
import { useMay } from "../../api/session";
import type { Generation } from "../../api/types";
import { count, percent } from "../../lib/format";
import { Ago } from "../../ui/Ago";
import { JobBadge } from "../../ui/badges";
import { useAction } from "../../ui/useAction";

const PRESETS = [
  {
    value: "automatic",
    label: "Automatic",
    text: "What suits the model and how large the objects are that people drew.",
  },
  {
    value: "thorough",
    label: "Detector, with crops",
    text: "Looks at four parts of the image too: finds smaller objects.",
  },
  { value: "detector", label: "Detector", text: "The whole image only: faster, misses small objects." },
  { value: "default", label: "Grid of points", text: "A prompt in each of 32 × 32 places. Needs no detector." },
  { value: "sam-paper", label: "As in the SAM paper", text: "The grid and 20 crops with grids of their own." },
  { value: "fast", label: "Grid, fast", text: "Every other point first; asks on where there is something." },
  { value: "reference", label: "Grid, as released", text: "The settings of the released generator, for comparisons." },
];

export function Generations({ datasetId, stage }: { datasetId: string; stage: number }) {
  const { data: runs = [] } = useQuery(generationsQuery(datasetId));
  const admin = useMay("admin");
  if (runs.length === 0 && !(admin && stage === 3)) return null;
  return (
    <Card p="lg">
      <Group justify="space-between" mb={runs.length > 0 ? "sm" : 0}>
        <div>
          <Title order={2}>Generation</Title>
          <Text size="sm" c="var(--ink-soft)">
            The model finds masks on every image; those that are confident, stable and not doubled are kept.
          </Text>
        </div>
        {admin && stage === 3 && <StartGeneration datasetId={datasetId} />}
      </Group>
      {runs.length > 0 && (
        <Table horizontalSpacing="xs" className="tabular">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Started</Table.Th>
              <Table.Th>State</Table.Th>
              <Table.Th>Images</Table.Th>
              <Table.Th ta="right">Masks</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {runs.map((run) => (
              <Run key={run.id} run={run} />
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Card>
  );
}

function Run({ run }: { run: Generation }) {
  return (
    <Table.Tr>
      <Table.Td>
        <Text size="sm">
          <Ago at={run.created_at} />
        </Text>
      </Table.Td>
      <Table.Td>
        <JobBadge state={run.state} />
      </Table.Td>
      <Table.Td miw={160}>
        <Stack gap={3}>
          <Progress
            value={percent(run.images_done, run.images_total)}
            animated={run.state === "running"}
            aria-label="Images done"
          />
          <Text size="xs" c="var(--ink-soft)">
            {count(run.images_done)} / {count(run.images_total)}
          </Text>
        </Stack>
      </Table.Td>
      <Table.Td ta="right">
        {count(run.masks)}
        {run.state === "succeeded" && run.masks === 0 && (
          <Text size="xs" c="var(--ink-soft)">
            Nothing was confident and stable enough. Train another round, or choose other settings.
          </Text>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

function StartGeneration({ datasetId }: { datasetId: string }) {
  const [preset, setPreset] = useState("automatic");
  const start = useAction({
    run: () => unwrap(api.POST("/api/generations", { body: { dataset_id: datasetId, preset } })),
    stale: [keys.generations(datasetId), keys.jobs],
    done: "The run is on its way.",
  });
  return (
    <Group gap="xs">
      <Select
        size="xs"
        w={190}
        aria-label="Settings"
        data={PRESETS}
        value={preset}
        comboboxProps={{ width: 320, position: "bottom-end" }}
        maxDropdownHeight={440}
        renderOption={({ option, checked }) => (
          <div>
            <Text size="sm" fw={checked ? 600 : undefined}>
              {option.label}
            </Text>
            <Text size="xs" c="var(--ink-soft)">
              {PRESETS.find((one) => one.value === option.value)?.text}
            </Text>
          </div>
        )}
        onChange={(value) => setPreset(value ?? "automatic")}
      />
      <Button size="xs" loading={start.isPending} onClick={() => start.mutate()}>
        Generate
      </Button>
    </Group>
  );
}
