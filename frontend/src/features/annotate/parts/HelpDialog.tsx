/** All shortcuts and gestures. */
import { Divider, Group, Kbd, Modal, SimpleGrid, Stack, Text } from "@mantine/core";
import { COMMANDS, type Command, GESTURES, keyLabel } from "../commands";

const GROUPS = ["Object", "Tools", "Image", "View"] as const;

function Line({ keys, label }: { keys: readonly string[]; label: string }) {
  return (
    <Group justify="space-between" wrap="nowrap" gap="md">
      <Text size="sm">{label}</Text>
      <Group gap={4} wrap="nowrap">
        {keys.map((key) => (
          <Kbd key={key} size="xs">
            {keyLabel(key)}
          </Kbd>
        ))}
      </Group>
    </Group>
  );
}

export function HelpDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const commands = Object.values(COMMANDS) as Command[];
  return (
    <Modal opened={opened} onClose={onClose} title="Shortcuts" size="lg">
      <Stack gap="md" data-testid="shortcuts">
        <Stack gap={4}>
          {GESTURES.map(([keys, label]) => (
            <Line key={keys} keys={[keys]} label={label} />
          ))}
        </Stack>
        <Text size="sm" c="var(--ink-soft)">
          What a click finds is shown without small islands and holes. A click keeps its island, a right click its hole;
          brush strokes stay as painted.
        </Text>
        <Divider />
        <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="xl" verticalSpacing="md">
          {GROUPS.map((group) => (
            <Stack key={group} gap={4}>
              <Text size="xs" fw={600} c="var(--ink-soft)">
                {group}
              </Text>
              {commands
                .filter((command) => command.group === group)
                .map(({ label, keys }) => (
                  <Line key={label} keys={keys} label={label} />
                ))}
            </Stack>
          ))}
        </SimpleGrid>
      </Stack>
    </Modal>
  );
}
