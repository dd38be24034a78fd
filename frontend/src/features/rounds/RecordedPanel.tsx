/**
 * The recorded run: what to expect before the first round, and what to compare with afterwards. A panel of its own, never among the
 * dataset's rounds: its people are simulated and its images are not the dataset's.
 */
import { Badge, Button, Card, Code, Collapse, Group, Skeleton, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconChevronDown, IconChevronUp } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { recordedQuery } from "../../api/queries";
import type { RecordedRun } from "../../api/types";
import { provenance, sameObjects } from "./recorded";

const RecordedPlots = lazy(async () => ({ default: (await import("./RecordedPlots")).RecordedPlots }));

export function RecordedPanel({ first }: { first: boolean }) {
  const { data: run } = useQuery(recordedQuery);
  // Open until the dataset has a curve of its own; then it is asked for.
  const [opened, { toggle }] = useDisclosure(first);
  if (!run) return null;
  const Chevron = opened ? IconChevronUp : IconChevronDown;
  return (
    <Card
      p="lg"
      component="section"
      aria-label="Recorded simulation"
      bg="transparent"
      style={{ borderStyle: "dashed" }}
    >
      <Group justify="space-between">
        <Group gap="sm">
          <Title order={2}>What to expect</Title>
          <Badge color="gray">recorded simulation</Badge>
        </Group>
        <Button size="xs" variant="subtle" onClick={toggle} aria-expanded={opened} rightSection={<Chevron size={14} />}>
          {opened ? "Hide" : "Show"}
        </Button>
      </Group>
      <Text size="sm" c="var(--ink-soft)" mt={4} maw={760}>
        {first
          ? "A loop that was recorded elsewhere, on other images. Your own curve starts after your first round."
          : "A loop that was recorded elsewhere, on other images, to hold your own curve against."}
      </Text>
      <Collapse expanded={opened}>{opened && <Recording run={run} />}</Collapse>
    </Card>
  );
}

function Recording({ run }: { run: RecordedRun }) {
  const same = sameObjects(run);
  return (
    <>
      <Text size="sm" mt="sm" maw={760}>
        Images: {run.data}. Only the people are simulated, from the true masks: where they click, how long that takes,
        which proposals they keep. Queue, decoder, rounds, gates and stages are the real ones.
      </Text>
      <Suspense fallback={<Skeleton h={470} mt="md" />}>
        <div style={{ marginTop: 16 }}>
          <RecordedPlots run={run} />
        </div>
      </Suspense>
      {same && (
        <Text size="sm" mt="md" maw={760}>
          {same}
        </Text>
      )}
      <Text size="xs" c="var(--ink-soft)" mt="md">
        {provenance(run).join(" · ")}
      </Text>
      <Code block mt={6} fz="xs" style={{ whiteSpace: "pre-wrap" }}>
        {run.command}
      </Code>
    </>
  );
}
