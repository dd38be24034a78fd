/** Whether the page hears from the backend as things happen. */
import { Box, Group, Text, Tooltip } from "@mantine/core";
import { type Connection, useConnection } from "../api/events";

const LOOK: Record<Connection, { color: string; label: string; hint: string }> = {
  live: { color: "var(--mantine-color-green-6)", label: "Live", hint: "Changes appear by themselves." },
  connecting: { color: "var(--mantine-color-gray-5)", label: "Connecting", hint: "Waiting for the backend." },
  lost: {
    color: "var(--mantine-color-orange-6)",
    label: "Connection lost",
    hint: "Trying again. What you label is kept in this browser and sent as soon as the backend answers.",
  },
};

export function ConnectionState({ rail }: { rail: boolean }) {
  const { color, label, hint } = LOOK[useConnection((store) => store.state)];
  return (
    <Tooltip label={rail ? `${label}. ${hint}` : hint} position="right" multiline maw={240}>
      <Group gap={8} px={rail ? 0 : 8} role="status" aria-label={rail ? label : undefined}>
        <Box w={8} h={8} bg={color} style={{ borderRadius: 8 }} />
        {!rail && (
          <Text size="xs" c="var(--ink-soft)">
            {label}
          </Text>
        )}
      </Group>
    </Tooltip>
  );
}
