/** The three stages, the gates of the present one with their figures, how it came here, and the admin's switch. */
import { Button, Card, Collapse, Group, Progress, SimpleGrid, Skeleton, Stack, Text, Timeline } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconCircleCheck, IconCircleDashed } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { stagesQuery } from "../../api/queries";
import { useMay } from "../../api/session";
import type { StageChange, StageGate } from "../../api/types";
import { STAGES } from "../../lib/stages";
import { Ago } from "../../ui/Ago";
import { ErrorNotice } from "../../ui/ErrorNotice";
import { gateShare, gateText } from "./gates";
import classes from "./RoundsPage.module.css";
import { SwitchStage } from "./SwitchStage";

export function StagePanel({ datasetId }: { datasetId: string }) {
  const stages = useQuery(stagesQuery(datasetId));
  const admin = useMay("admin");
  const [historyOpen, history] = useDisclosure();
  const [switching, dialog] = useDisclosure();
  if (stages.error && !stages.data) return <ErrorNotice error={stages.error} retry={() => void stages.refetch()} />;
  if (!stages.data) return <Skeleton h={190} />;
  const { stage, gates, history: changes } = stages.data;

  return (
    <Card p={0}>
      <ol className={classes.stages}>
        {STAGES.map((one) => (
          <li key={one.stage} className={classes.stage} aria-current={one.stage === stage ? "step" : undefined}>
            <Text size="xs" c="var(--ink-soft)">
              Stage {one.stage}
              {one.stage === stage && ", now"}
            </Text>
            <Text fw={600}>{one.name}</Text>
            <Text size="xs" c="var(--ink-soft)" mt={2}>
              {one.summary}
            </Text>
          </li>
        ))}
      </ol>
      <div className={classes.gates}>
        <Group justify="space-between" mb={gates.length > 0 ? "sm" : 0}>
          <Text size="sm" fw={550}>
            {gates.length > 0 ? `When stage ${stage} ends` : "This is the last stage."}
          </Text>
          <Group gap="xs">
            {changes.length > 0 && (
              <Button size="xs" variant="subtle" onClick={history.toggle} aria-expanded={historyOpen}>
                History
              </Button>
            )}
            {admin && (
              <Button size="xs" variant="default" onClick={dialog.open}>
                Switch the stage…
              </Button>
            )}
          </Group>
        </Group>
        <SimpleGrid cols={columnsFor(gates.length)} spacing="xl">
          {gates.map((gate) => (
            <GateView key={gate.name} gate={gate} />
          ))}
        </SimpleGrid>
        <Collapse expanded={historyOpen}>
          <History changes={changes} />
        </Collapse>
      </div>
      <SwitchStage
        datasetId={datasetId}
        stage={stage}
        unmet={gates.filter((gate) => !gate.holds)}
        opened={switching}
        onClose={dialog.close}
      />
    </Card>
  );
}

/** Up to five gates in a row, where there is room for them; more in rows of four. */
const columnsFor = (gates: number) => ({
  base: 1,
  sm: Math.min(3, Math.max(1, gates)),
  lg: gates > 5 ? 4 : Math.max(1, gates),
});

function GateView({ gate }: { gate: StageGate }) {
  const Icon = gate.holds ? IconCircleCheck : IconCircleDashed;
  return (
    <Stack gap={4}>
      <Group justify="space-between" wrap="nowrap">
        <Group gap={6} wrap="nowrap">
          <Icon
            size={16}
            color={gate.holds ? "var(--mantine-color-green-6)" : "var(--ink-soft)"}
            aria-label={gate.holds ? "holds" : "open"}
          />
          <Text size="sm" tt="capitalize">
            {gate.name.replaceAll("_", " ")}
          </Text>
        </Group>
        <Text size="xs" c="var(--ink-soft)" className="tabular">
          {gateText(gate)}
        </Text>
      </Group>
      <Progress value={gateShare(gate)} color={gate.holds ? "green" : "gray.5"} size={4} aria-label={gate.name} />
      <Text size="xs" c="var(--ink-soft)">
        {gate.explanation}
      </Text>
    </Stack>
  );
}

function History({ changes }: { changes: StageChange[] }) {
  return (
    <Timeline mt="lg" bulletSize={12} lineWidth={2} active={changes.length}>
      {changes.map((change) => (
        <Timeline.Item
          key={change.created_at}
          title={
            <Text size="sm" fw={550}>
              Stage {change.from} to {change.to}
            </Text>
          }
        >
          <Text size="xs" c="var(--ink-soft)">
            <Ago at={change.created_at} />, {change.trigger === "auto" ? "by itself" : "by hand"}
            {change.reason && `: ${change.reason}`}
          </Text>
        </Timeline.Item>
      ))}
    </Timeline>
  );
}
