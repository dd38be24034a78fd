/** Images in: dropped files (photographs, zips, COCO files) or a folder of the server. */
import { Button, Divider, Drawer, Group, Stack, Text, TextInput } from "@mantine/core";
import { Dropzone } from "@mantine/dropzone";
import { IconFolder, IconPhotoPlus } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import { FormError } from "../../ui/FormError";
import { useAction } from "../../ui/useAction";
import { followImport, startImport, useImportRuns } from "./importRun";

interface Props {
  datasetId: string;
  opened: boolean;
  onClose: () => void;
}

export function ImportDrawer({ datasetId, opened, onClose }: Props) {
  const busy = useImportRuns((store) => store.runs[datasetId]?.state === "uploading");
  const take = (files: File[]) => {
    void startImport(datasetId, files);
    onClose();
  };
  return (
    <Drawer opened={opened} onClose={onClose} position="right" size="md" title="Add images">
      <Stack gap="lg">
        <Dropzone onDrop={take} disabled={busy} p="xl" aria-label="Choose files to add">
          <Stack align="center" gap={6} ta="center" style={{ pointerEvents: "none" }}>
            <IconPhotoPlus size={40} stroke={1.3} />
            <Text fw={600}>{busy ? "An upload is under way" : "Drop files here, or press to choose"}</Text>
            <Text size="sm" c="var(--ink-soft)">
              Photographs, zip archives of them, and COCO files (.json) with masks. As many as you like.
            </Text>
          </Stack>
        </Dropzone>
        <Text size="xs" c="var(--ink-soft)">
          Every file is checked before it goes in. What is not an image, damaged or already there is listed afterwards;
          the rest goes in. COCO masks find their images by file name, also among the images already here.
        </Text>
        <Divider label="or" />
        <FolderForm datasetId={datasetId} onDone={onClose} />
      </Stack>
    </Drawer>
  );
}

function FolderForm({ datasetId, onDone }: { datasetId: string; onDone: () => void }) {
  const [path, setPath] = useState("");
  const take = useAction({
    run: () =>
      unwrap(
        api.POST("/api/datasets/{dataset_id}/imports/folder", {
          params: { path: { dataset_id: datasetId } },
          body: { path: path.trim() },
        }),
      ),
    stale: [keys.jobs],
    quiet: true,
    onDone: (job) => {
      followImport(datasetId, job.id);
      onDone();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    take.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <TextInput
          label="A folder on the server"
          description="Only below the folders the operator allows for imports. Nothing is sent over the network."
          placeholder="/data/photographs"
          leftSection={<IconFolder size={16} />}
          required
          value={path}
          onChange={(event) => setPath(event.currentTarget.value)}
        />
        <FormError error={take.error} />
        <Group justify="flex-end">
          <Button type="submit" variant="default" loading={take.isPending}>
            Import the folder
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
