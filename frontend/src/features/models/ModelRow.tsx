/** One version of the family tree; opened, where it comes from, down to the software that made it. */
import { ActionIcon, Badge, Box, Group, Stack, Table, Text, Tooltip } from "@mantine/core";
import { IconChevronDown, IconChevronUp } from "@tabler/icons-react";
import type { Dataset, Model } from "../../api/types";
import { score, signed } from "../../lib/format";
import { readLineage } from "../../lib/lineage";
import { Ago } from "../../ui/Ago";
import { ActivateMenu } from "./ActivateMenu";
import type { TreeRow } from "./lineage";
import { ModelDetails } from "./ModelDetails";
import { type DotState, Rail, RailBelow } from "./Rail";
import classes from "./Rail.module.css";

interface Props {
  row: TreeRow<Model>;
  lanes: number;
  parentName: string | null;
  datasets: Dataset[];
  admin: boolean;
  opened: boolean;
  onToggle(): void;
}

const figure = `tabular ${classes.figure}`;

export function ModelRow({ row, lanes, parentName, datasets, admin, opened, onToggle }: Props) {
  const { model } = row;
  const usedBy = datasets.filter((dataset) => model.active_in.includes(dataset.id));
  const { gate } = readLineage(model.lineage);
  const held = gate !== null && !gate.passed && !gate.overridden;
  const state: DotState = usedBy.length > 0 ? "used" : held ? "held" : "plain";
  const Chevron = opened ? IconChevronUp : IconChevronDown;
  return (
    <>
      <Table.Tr id={model.id}>
        <Table.Td py={0} className={classes.cell}>
          <div className={classes.version}>
            <Rail {...row} lanes={lanes} state={state} />
            <Stack gap={2} className={classes.body}>
              <Group gap={6}>
                <Text size="sm" fw={550}>
                  {model.name}
                </Text>
                {usedBy.map((dataset) => (
                  <Badge key={dataset.id}>in use: {dataset.name}</Badge>
                ))}
                {held && state !== "used" && <Badge color="orange">held back by the gate</Badge>}
              </Group>
              <Text size="xs" c="var(--ink-soft)">
                <Ago at={model.created_at} />, {model.image_size} px, grid {model.grid} × {model.grid}
              </Text>
            </Stack>
          </div>
        </Table.Td>
        <Table.Td ta="right" className={figure} visibleFrom="sm">
          {score(model.metrics.miou_1)}
        </Table.Td>
        <Table.Td ta="right" className={figure}>
          {score(model.metrics.miou_5)}
        </Table.Td>
        <Table.Td ta="right" className={figure} visibleFrom="sm">
          {signed(gate?.gain)}
        </Table.Td>
        <Table.Td className={figure} visibleFrom="md">
          <Encoder sha256={model.encoder_sha256} />
        </Table.Td>
        <Table.Td className={classes.figure} py={8}>
          <Group gap={6} justify="flex-end" wrap="nowrap">
            {admin && (
              <Box visibleFrom="xs">
                <ActivateMenu model={model} datasets={datasets} />
              </Box>
            )}
            <ActionIcon
              variant="subtle"
              color="gray"
              onClick={onToggle}
              aria-expanded={opened}
              aria-label={`Where ${model.name} comes from`}
            >
              <Chevron size={16} />
            </ActionIcon>
          </Group>
        </Table.Td>
      </Table.Tr>
      {opened && (
        <Table.Tr>
          <Table.Td py={0} colSpan={6} className={classes.cell}>
            <div className={classes.version}>
              <RailBelow {...row} lanes={lanes} />
              <Box className={classes.body} flex={1} pt={0}>
                <ModelDetails model={model} parentName={parentName} datasets={datasets} />
                {admin && (
                  <Box hiddenFrom="xs" mt="md">
                    <ActivateMenu model={model} datasets={datasets} />
                  </Box>
                )}
              </Box>
            </div>
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}

/** The same encoder has the same colour everywhere: such versions share their embeddings. */
function Encoder({ sha256 }: { sha256: string }) {
  const hue = Number.parseInt(sha256.slice(0, 6), 16) % 360;
  return (
    <Tooltip label={`encoder ${sha256}`} multiline maw={360}>
      <Group gap={6} wrap="nowrap" w="fit-content">
        <Box w={9} h={9} bg={`hsl(${hue} 55% 52%)`} style={{ borderRadius: 3 }} />
        <Text size="xs" ff="monospace">
          {sha256.slice(0, 6)}
        </Text>
      </Group>
    </Tooltip>
  );
}
