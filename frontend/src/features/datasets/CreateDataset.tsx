/** A new dataset: a name is enough; everything else can be changed later. */
import { Button, Group, Modal, Stack, Textarea, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useNavigate } from "react-router";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import { FormError } from "../../ui/FormError";
import { useAction } from "../../ui/useAction";
import { ReviewFields, type ReviewValue } from "./ReviewFields";

export function CreateDataset({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="New dataset">
      <CreateForm onClose={onClose} />
    </Modal>
  );
}

function CreateForm({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [review, setReview] = useState<ReviewValue>({ review_mode: "none", review_percent: 10 });
  const create = useAction({
    run: () =>
      unwrap(api.POST("/api/datasets", { body: { name: name.trim(), description: description.trim(), ...review } })),
    stale: [keys.datasets],
    quiet: true,
    onDone: (dataset) => {
      onClose();
      navigate(`/datasets/${dataset.id}?add`);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <TextInput
          label="Name"
          required
          maxLength={120}
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Textarea
          label="Description"
          placeholder="What counts as an object here?"
          autosize
          minRows={2}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
        />
        <ReviewFields value={review} onChange={setReview} />
        <FormError error={create.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={create.isPending}>
            Create
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
