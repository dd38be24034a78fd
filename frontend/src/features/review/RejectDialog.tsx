/** Why a mask goes back: a number key for the usual reasons, or own words. */
import { Button, Group, Kbd, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { useState } from "react";
import { REASONS } from "./reasons";

interface Props {
  opened: boolean;
  onClose: () => void;
  onReject: (reason: string) => void;
}

export function RejectDialog({ opened, onClose, onReject }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title="Why does it go back?" size="sm" transitionProps={{ duration: 0 }}>
      <Reasons onReject={onReject} />
    </Modal>
  );
}

function Reasons({ onReject }: { onReject: (reason: string) => void }) {
  const [own, setOwn] = useState("");
  useHotkeys(REASONS.map((reason, index) => [String(index + 1), () => onReject(reason)]));
  return (
    <Stack gap={6} pt={3}>
      {REASONS.map((reason, index) => (
        <Button
          key={reason}
          variant="default"
          justify="flex-start"
          leftSection={<Kbd size="xs">{index + 1}</Kbd>}
          onClick={() => onReject(reason)}
          {...(index === 0 ? { "data-autofocus": true } : {})}
        >
          {reason}
        </Button>
      ))}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (own.trim()) onReject(own.trim());
        }}
      >
        <Group gap="xs" mt="xs" align="flex-end">
          <TextInput
            flex={1}
            label="In your own words"
            maxLength={500}
            value={own}
            onChange={(event) => setOwn(event.currentTarget.value)}
          />
          <Button type="submit" color="red" disabled={!own.trim()}>
            Reject
          </Button>
        </Group>
      </form>
      <Text size="xs" c="var(--ink-soft)">
        The annotator sees the reason with the image when it comes back.
      </Text>
    </Stack>
  );
}
