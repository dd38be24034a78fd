/** Train a round now. */
import { Button, Group, Modal, Radio, Stack, Text, Tooltip } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useState } from "react";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import type { Dataset, Round } from "../../api/types";
import { count, plural } from "../../lib/format";
import { FormError } from "../../ui/FormError";
import { useAction } from "../../ui/useAction";

const MODES = [
  {
    value: "auto",
    label: "Automatic",
    description: "The whole model where that takes minutes, as the packaged one does on any machine; else the decoder.",
  },
  {
    value: "full",
    label: "Whole model",
    description:
      "Learns most. Images are embedded anew before it goes live. Slow for transformers without an accelerator.",
  },
  {
    value: "decoder",
    label: "Decoder",
    description: "Every embedding stays valid. Learns little where images are unlike photographs.",
  },
] as const;

export function StartRound({ dataset, running }: { dataset: Dataset; running: Round | undefined }) {
  const [opened, { open, close }] = useDisclosure();
  const [mode, setMode] = useState<Round["mode"]>("auto");
  const { masks } = dataset.counts;
  const enough = dataset.policy.min_new_masks;
  const start = useAction({
    run: () => unwrap(api.POST("/api/rounds", { body: { dataset_id: dataset.id, mode } })),
    stale: [keys.rounds(dataset.id), keys.jobs],
    quiet: true,
    done: (round) => `Round ${round.number} is on its way.`,
    onDone: close,
  });
  return (
    <>
      <Tooltip label={`Round ${running?.number} is running. Wait for it or cancel it.`} disabled={!running}>
        <Button
          leftSection={<IconPlayerPlay size={16} />}
          onClick={open}
          data-disabled={running ? true : undefined}
          disabled={Boolean(running)}
        >
          Train a round
        </Button>
      </Tooltip>
      <Modal opened={opened} onClose={close} title="Train a round">
        <Stack gap="md">
          <Text size="sm">
            A snapshot of the final masks is taken, the model is trained on it and compared with the present one on
            images held out. Annotators can go on meanwhile. Training ends after {dataset.policy.round_minutes} min at
            the latest, as the settings say.
          </Text>
          {masks < enough && (
            <Text size="sm" c="var(--ink-soft)">
              {plural(masks, "mask")} so far. From so few the model takes over only a part of what it learns, unless the
              images held out clearly speak for more, and they are few too; rounds that start by themselves wait for{" "}
              {count(enough)}.
            </Text>
          )}
          <Radio.Group label="What is trained" value={mode} onChange={(value) => setMode(value as Round["mode"])}>
            <Stack gap={8} mt={6}>
              {MODES.map((one) => (
                <Radio key={one.value} {...one} />
              ))}
            </Stack>
          </Radio.Group>
          <FormError error={start.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button loading={start.isPending} onClick={() => start.mutate()}>
              Train
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
