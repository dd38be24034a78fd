/** Deleting asks for the name: the one mistake nobody can undo. */
import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useState } from "react";
import { useNavigate } from "react-router";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import type { Dataset } from "../../api/types";
import { plural } from "../../lib/format";
import { FormError } from "../../ui/FormError";
import { useAction } from "../../ui/useAction";

export function DeleteDataset({ dataset }: { dataset: Dataset }) {
  const [opened, { open, close }] = useDisclosure();
  const [typed, setTyped] = useState("");
  const navigate = useNavigate();
  const remove = useAction({
    run: () => unwrap(api.DELETE("/api/datasets/{dataset_id}", { params: { path: { dataset_id: dataset.id } } })),
    stale: [keys.datasets],
    quiet: true,
    done: `"${dataset.name}" is deleted.`,
    onDone: () => navigate("/datasets"),
  });
  return (
    <>
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" c="var(--ink-soft)">
          Its {plural(dataset.counts.images, "image")}, {plural(dataset.counts.masks, "mask")}, rounds and exports go
          with it. Model versions stay.
        </Text>
        <Button color="red" variant="light" onClick={open} style={{ flex: "none" }}>
          Delete…
        </Button>
      </Group>
      <Modal opened={opened} onClose={close} title={`Delete "${dataset.name}"?`}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            remove.mutate();
          }}
        >
          <Stack gap="md">
            <Text size="sm">
              {plural(dataset.counts.images, "image")} and {plural(dataset.counts.masks, "mask")} are deleted for good.
              Export first if you may need them.
            </Text>
            <TextInput
              label={`Type ${dataset.name} to confirm`}
              data-autofocus
              autoComplete="off"
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
            />
            <FormError error={remove.error} />
            <Group justify="flex-end">
              <Button variant="default" onClick={close}>
                Keep it
              </Button>
              <Button type="submit" color="red" disabled={typed.trim() !== dataset.name} loading={remove.isPending}>
                Delete for good
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </>
  );
}
