/** One export: being built, ready to download, or failed with the reason. */
import {
  ActionIcon,
  Alert,
  Badge,
  Button,
  CopyButton,
  Group,
  Stack,
  Text,
  Tooltip,
  UnstyledButton,
} from "@mantine/core";
import { IconDownload, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import { jobQuery } from "../../api/queries";
import { useMay } from "../../api/session";
import type { Export } from "../../api/types";
import { bytes, plural, shortHash } from "../../lib/format";
import { Ago } from "../../ui/Ago";
import { JobBadge } from "../../ui/badges";
import { confirm } from "../../ui/confirm";
import { JobProgress } from "../../ui/JobProgress";
import { useAction } from "../../ui/useAction";

const FORMAT = { sa1b: "SA-1B JSON", coco: "COCO" } as const;

export function ExportRow({ item }: { item: Export }) {
  const active = item.state === "queued" || item.state === "running";
  return (
    <Stack gap="sm">
      <Group justify="space-between" wrap="nowrap">
        <div>
          <Group gap="sm">
            <Text fw={600}>{FORMAT[item.format]}</Text>
            {item.state === "succeeded" ? <Badge color="green">Ready</Badge> : <JobBadge state={item.state} />}
          </Group>
          <Text size="xs" c="var(--ink-soft)" mt={2} component="div">
            <Ago at={item.created_at} />
            {item.state === "succeeded" && (
              <>
                , {plural(item.images ?? 0, "image")}, {plural(item.masks ?? 0, "mask")}, {bytes(item.bytes)}
                {item.sha256 && <Hash value={item.sha256} />}
              </>
            )}
          </Text>
        </div>
        <Group gap="xs" wrap="nowrap">
          {item.state === "succeeded" && (
            <Button
              component="a"
              href={`/api/exports/${item.id}/download`}
              download
              size="xs"
              leftSection={<IconDownload size={14} />}
            >
              Download
            </Button>
          )}
          {!active && <DeleteExport item={item} />}
        </Group>
      </Group>
      {active && item.job_id && <BuildProgress jobId={item.job_id} />}
      {item.error && (
        <Alert color="red" title="Why it failed" py="xs">
          {item.error}
        </Alert>
      )}
    </Stack>
  );
}

function Hash({ value }: { value: string }) {
  return (
    <>
      , sha256{" "}
      <CopyButton value={value}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? "Copied" : "Copy the whole hash"}>
            <UnstyledButton fz="xs" ff="monospace" onClick={copy}>
              {shortHash(value)}…
            </UnstyledButton>
          </Tooltip>
        )}
      </CopyButton>
    </>
  );
}

function BuildProgress({ jobId }: { jobId: string }) {
  const { data: job } = useQuery(jobQuery(jobId));
  return job ? <JobProgress job={job} title="Writing the archive" /> : null;
}

function DeleteExport({ item }: { item: Export }) {
  const admin = useMay("admin");
  const remove = useAction({
    run: () => unwrap(api.DELETE("/api/exports/{export_id}", { params: { path: { export_id: item.id } } })),
    stale: [keys.exports(item.dataset_id)],
    done: "The export is deleted.",
  });
  if (!admin) return null;
  const ask = () =>
    confirm({
      title: "Delete this export?",
      children: "The archive goes; images and masks stay. A new export can be made at any time.",
      confirm: "Delete the export",
      onConfirm: () => remove.mutate(),
    });
  return (
    <Tooltip label="Delete">
      <ActionIcon variant="subtle" color="red" onClick={ask} aria-label="Delete this export">
        <IconTrash size={16} />
      </ActionIcon>
    </Tooltip>
  );
}
