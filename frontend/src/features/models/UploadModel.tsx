/** A checkpoint from elsewhere: the official .pth files or our .safetensors. */
import { Button, FileInput, Group, Modal, Progress, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { keys } from "../../api/keys";
import { jobQuery } from "../../api/queries";
import type { Job } from "../../api/types";
import { upload } from "../../api/upload";
import { bytes, percent } from "../../lib/format";
import { ErrorNotice } from "../../ui/ErrorNotice";
import { FormError } from "../../ui/FormError";
import { JobProgress } from "../../ui/JobProgress";
import { useAction } from "../../ui/useAction";

export function UploadModel({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Upload a checkpoint">
      <UploadForm onClose={onClose} />
    </Modal>
  );
}

function UploadForm({ onClose }: { onClose: () => void }) {
  const [file, setFile] = useState<File | null>(null);
  const [name, setName] = useState("");
  const [sent, setSent] = useState(0);
  const [jobId, setJobId] = useState<string | null>(null);
  const send = useAction({
    run: (chosen: File) => {
      const form = new FormData();
      form.append("name", name.trim());
      form.append("file", chosen, chosen.name);
      return upload<Job>("/api/models", form, (progress) => setSent(progress.sent));
    },
    stale: [keys.jobs, keys.models],
    quiet: true,
    onDone: (job) => setJobId(job.id),
  });
  if (jobId) return <Outcome jobId={jobId} onClose={onClose} />;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (file) send.mutate(file);
  };
  const choose = (chosen: File | null) => {
    setFile(chosen);
    if (chosen && !name) setName(chosen.name.replace(/\.(pth|safetensors)$/i, ""));
  };

  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <Text size="sm" c="var(--ink-soft)">
          The official SAM checkpoints (vit_b, vit_l, vit_h; .pth) or Maskloom's own (.safetensors). It is checked
          before it is kept.
        </Text>
        <FileInput
          label="File"
          placeholder="Choose a file"
          accept=".pth,.pt,.safetensors"
          required
          value={file}
          onChange={choose}
        />
        <TextInput
          label="Name"
          required
          maxLength={120}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        {send.isPending && file && (
          <div>
            <Progress value={percent(sent, file.size)} aria-label="Upload" />
            <Text size="xs" c="var(--ink-soft)" mt={4} className="tabular">
              {bytes(sent)} of {bytes(file.size)}
            </Text>
          </div>
        )}
        <FormError error={send.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" disabled={!file} loading={send.isPending}>
            Upload
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Outcome({ jobId, onClose }: { jobId: string; onClose: () => void }) {
  const { data: job, error } = useQuery(jobQuery(jobId));
  return (
    <Stack gap="md">
      {error && <ErrorNotice error={error} />}
      {job?.state === "failed" && (
        <ErrorNotice error={new Error(job.error ?? "Unknown reason.")} title="The checkpoint was refused" />
      )}
      {job?.state === "succeeded" && (
        <Text size="sm">The model is ready. Put it to use with "Use for" in the list.</Text>
      )}
      {(job?.state === "queued" || job?.state === "running") && (
        <JobProgress job={job} title="Checking and exporting for the browser" />
      )}
      <Group justify="flex-end">
        <Button variant={job?.finished_at ? "filled" : "default"} onClick={onClose}>
          {job?.finished_at ? "Done" : "Go on in the background"}
        </Button>
      </Group>
    </Stack>
  );
}
