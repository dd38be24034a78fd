/** What to export, and how. */
import { Alert, Button, Checkbox, Group, Modal, Radio, Stack, Switch } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import { generationsQuery } from "../../api/queries";
import type { Export } from "../../api/types";
import { count } from "../../lib/format";
import { SOURCE_GROUPS } from "../../lib/sources";
import { FormError } from "../../ui/FormError";
import { useAction } from "../../ui/useAction";

const FORMATS = [
  {
    value: "sa1b",
    label: "SA-1B JSON",
    description: "One JSON file per image with run-length masks, as in the SA-1B dataset.",
  },
  { value: "coco", label: "COCO", description: "One annotations file for all images." },
] as const;

type Source = (typeof SOURCE_GROUPS)[number]["value"];

interface Props {
  datasetId: string;
  opened: boolean;
  onClose: () => void;
}

export function CreateExport({ datasetId, opened, onClose }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title="New export">
      <CreateForm datasetId={datasetId} onClose={onClose} />
    </Modal>
  );
}

function CreateForm({ datasetId, onClose }: Omit<Props, "opened">) {
  const [format, setFormat] = useState<Export["format"]>("sa1b");
  const [withImages, setWithImages] = useState(true);
  const [sources, setSources] = useState<Source[]>(SOURCE_GROUPS.map((source) => source.value));
  const create = useAction({
    run: () =>
      unwrap(
        api.POST("/api/exports", { body: { dataset_id: datasetId, format, include_images: withImages, sources } }),
      ),
    stale: [keys.exports(datasetId), keys.jobs],
    quiet: true,
    onDone: onClose,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <Radio.Group label="Format" value={format} onChange={(value) => setFormat(value as Export["format"])}>
          <Stack gap={8} mt={6}>
            {FORMATS.map((one) => (
              <Radio key={one.value} {...one} />
            ))}
          </Stack>
        </Radio.Group>
        <Checkbox.Group label="Masks" value={sources} onChange={(value) => setSources(value as Source[])}>
          <Stack gap={8} mt={6}>
            {SOURCE_GROUPS.map((one) => (
              <Checkbox key={one.value} {...one} />
            ))}
          </Stack>
        </Checkbox.Group>
        <Switch
          label="With the images"
          description="Off: only the JSON, for those who have the images."
          checked={withImages}
          onChange={(event) => setWithImages(event.currentTarget.checked)}
        />
        <StillGenerating datasetId={datasetId} />
        <FormError error={create.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" disabled={sources.length === 0} loading={create.isPending}>
            Export
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** An export holds what is there at that moment: while masks are being made, that is a part of them. */
function StillGenerating({ datasetId }: { datasetId: string }) {
  const { data: runs = [] } = useQuery(generationsQuery(datasetId));
  const run = runs.find(({ state }) => state === "queued" || state === "running");
  if (!run) return null;
  return (
    <Alert color="orange" title="Masks are being generated">
      {count(run.images_done)} of {count(run.images_total)} images are done. This export holds what is there now; for
      the rest, export again when the generation has ended.
    </Alert>
  );
}
