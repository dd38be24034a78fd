/** The editable part of a dataset, saved as a whole. */
import {
  Button,
  Card,
  Group,
  NumberInput,
  type NumberInputProps,
  SimpleGrid,
  Stack,
  Switch,
  Textarea,
  TextInput,
  Title,
} from "@mantine/core";
import { type FormEvent, useState } from "react";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import type { Dataset, Policy } from "../../api/types";
import { FormError } from "../../ui/FormError";
import { useAction } from "../../ui/useAction";
import { ReviewFields, type ReviewValue } from "./ReviewFields";

export function SettingsForm({ dataset }: { dataset: Dataset }) {
  const [name, setName] = useState(dataset.name);
  const [description, setDescription] = useState(dataset.description);
  const [review, setReview] = useState<ReviewValue>({
    review_mode: dataset.review_mode,
    review_percent: dataset.review_percent,
  });
  const [policy, setPolicy] = useState<Policy>(dataset.policy);

  const save = useAction({
    run: () =>
      unwrap(
        api.PATCH("/api/datasets/{dataset_id}", {
          params: { path: { dataset_id: dataset.id } },
          body: { name: name.trim(), description: description.trim(), ...review, policy },
        }),
      ),
    stale: [keys.datasets, keys.stages(dataset.id), keys.review(dataset.id)],
    quiet: true,
    done: "The settings are saved.",
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };

  return (
    <form onSubmit={submit}>
      <Stack gap="lg">
        <Card p="lg">
          <Stack gap="md">
            <TextInput
              label="Name"
              required
              maxLength={120}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Textarea
              label="Description"
              autosize
              minRows={2}
              value={description}
              onChange={(event) => setDescription(event.currentTarget.value)}
            />
          </Stack>
        </Card>
        <Card p="lg">
          <ReviewFields value={review} onChange={setReview} />
        </Card>
        <Card p="lg">
          <PolicyFields policy={policy} onChange={setPolicy} />
        </Card>
        <FormError error={save.error} />
        <Group justify="flex-end">
          <Button type="submit" loading={save.isPending}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

type NumericKey = { [K in keyof Policy]: Policy[K] extends number ? K : never }[keyof Policy];

const SHARE = { min: 0, max: 1, step: 0.01, decimalScale: 4 };
const COUNT = { min: 1 };
const NUMBERS: ({ name: NumericKey; label: string; description: string } & NumberInputProps)[] = [
  {
    name: "min_new_masks",
    label: "New masks before a round",
    description: "Counted since the last snapshot.",
    ...COUNT,
  },
  {
    name: "round_minutes",
    label: "Longest training of a round",
    description: "Embedding images for a new encoder before it goes live may take as long again.",
    min: 0.1,
    suffix: " min",
  },
  {
    name: "min_gain",
    label: "Least gain of a round",
    description: "Held-out mIoU; two rounds below it add nothing more.",
    ...SHARE,
    step: 0.005,
  },
  {
    name: "min_speedup",
    label: "Least speed-up of a round",
    description: "Share by which seconds per mask must still fall. A stage without gain and speed-up is done.",
    ...SHARE,
  },
  {
    name: "max_calibration_error",
    label: "Largest calibration error before stage 3",
    description: "How far the model's predicted IoU may be from the truth; 1 asks for nothing.",
    ...SHARE,
  },
  { name: "max_rounds_stage1", label: "Most rounds in stage 1", description: "Then stage 2 may begin.", ...COUNT },
  { name: "max_rounds_stage2", label: "Most rounds in stage 2", description: "Then stage 3 may begin.", ...COUNT },
  {
    name: "min_proposals_kept",
    label: "Proposals kept before stage 3",
    description: "Share of the last proposals that people left as good as unchanged; 0 asks for nothing.",
    ...SHARE,
  },
  {
    name: "proposal_window",
    label: "Proposals looked at for that",
    description: "The last ones that people kept, mended or threw away.",
    ...COUNT,
  },
];

function PolicyFields({ policy, onChange }: { policy: Policy; onChange: (policy: Policy) => void }) {
  const number = (key: NumericKey) => ({
    value: policy[key],
    onChange: (value: number | string) => onChange({ ...policy, [key]: Number(value) || 0 }),
  });
  const toggle = (key: "auto_rounds" | "auto_stages" | "frozen") => ({
    checked: policy[key],
    onChange: (event: { currentTarget: { checked: boolean } }) =>
      onChange({ ...policy, [key]: event.currentTarget.checked }),
  });
  return (
    <Stack gap="md">
      <Title order={2}>Rounds and stages</Title>
      <Switch
        label="Train a round by itself"
        description="As soon as there are enough new masks."
        {...toggle("auto_rounds")}
      />
      <Switch
        label="Change the stage by itself"
        description="As soon as all gates of the stage hold."
        {...toggle("auto_stages")}
      />
      <Switch
        label="Freeze"
        description="No round and no stage change starts by itself, whatever is set above."
        {...toggle("frozen")}
      />
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="md">
        {NUMBERS.map(({ name, ...field }) => (
          <NumberInput key={name} {...field} {...number(name)} />
        ))}
        <Group grow align="flex-start" gap="xs">
          <NumberInput
            label="Quiet from"
            description="Hour, UTC."
            min={0}
            max={23}
            suffix=":00"
            {...number("quiet_from")}
          />
          <NumberInput
            label="until"
            description="Equal hours: never."
            min={0}
            max={23}
            suffix=":00"
            {...number("quiet_until")}
          />
        </Group>
      </SimpleGrid>
    </Stack>
  );
}
