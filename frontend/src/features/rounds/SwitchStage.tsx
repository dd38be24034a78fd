/** The admin's override: any stage, with the reason that the history will show. */
import { Alert, Button, Group, List, Modal, Radio, Stack, Textarea } from "@mantine/core";
import { useState } from "react";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import type { StageGate } from "../../api/types";
import { STAGES } from "../../lib/stages";
import { FormError } from "../../ui/FormError";
import { useAction } from "../../ui/useAction";

interface Props {
  datasetId: string;
  stage: number;
  unmet: StageGate[];
  opened: boolean;
  onClose: () => void;
}

const EFFECT: Record<number, string> = {
  1: "Annotators begin with empty images again. Masks stay.",
  2: "The model proposes its confident masks on every image that is not annotated yet.",
  3: "The model generates masks for all images at once; nobody needs to annotate.",
};

export function SwitchStage({ datasetId, stage, unmet, opened, onClose }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title="Switch the stage">
      <SwitchForm datasetId={datasetId} stage={stage} unmet={unmet} onClose={onClose} />
    </Modal>
  );
}

function SwitchForm({ datasetId, stage, unmet, onClose }: Omit<Props, "opened">) {
  const [to, setTo] = useState<number>(stage < 3 ? stage + 1 : 2);
  const [reason, setReason] = useState("");
  const change = useAction({
    run: () =>
      unwrap(
        api.POST("/api/datasets/{dataset_id}/stage", {
          params: { path: { dataset_id: datasetId } },
          body: { stage: to, reason: reason.trim() },
        }),
      ),
    stale: [keys.stages(datasetId), keys.datasets, keys.generations(datasetId), keys.jobs],
    quiet: true,
    done: `The dataset is in stage ${to}.`,
    onDone: onClose,
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate();
      }}
    >
      <Stack gap="md">
        <Radio.Group label="To" value={String(to)} onChange={(value) => setTo(Number(value))}>
          <Stack gap={8} mt={6}>
            {STAGES.filter((one) => one.stage !== stage).map((one) => (
              <Radio
                key={one.stage}
                value={String(one.stage)}
                label={`Stage ${one.stage}: ${one.name}`}
                description={EFFECT[one.stage]}
              />
            ))}
          </Stack>
        </Radio.Group>
        {to > stage && unmet.length > 0 && (
          <Alert color="orange" title="Not every gate holds">
            <List size="sm" spacing={2} mb="xs">
              {unmet.map((gate) => (
                <List.Item key={gate.name}>{gate.explanation}</List.Item>
              ))}
            </List>
            You can switch all the same.
          </Alert>
        )}
        <Textarea
          label="Reason"
          description="The history keeps it."
          required
          autosize
          minRows={2}
          maxLength={500}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <FormError error={change.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={change.isPending}>
            Switch to stage {to}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
