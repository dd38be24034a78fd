/** What the gate said of a model: its gain with the interval, the reason, and what people did about it. */
import { Group, Stack, Text } from "@mantine/core";
import { signed } from "../lib/format";
import type { RoundGate } from "../lib/roundGate";

export function Verdict({ gate }: { gate: RoundGate }) {
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
          {gate.low !== null && gate.high !== null && (
            <Text size="xs" c="var(--ink-soft)" className="tabular">
              {Math.round(100 * gate.confidence)} % between {signed(gate.low)} and {signed(gate.high)}
            </Text>
          )}
        </Group>
      )}
      <Text size="sm">{gate.reason}</Text>
      {gate.overridden && <Text size="sm">An admin put it in use all the same.</Text>}
      {gate.rolledBack && <Text size="sm">It was rolled back later.</Text>}
    </Stack>
  );
}
