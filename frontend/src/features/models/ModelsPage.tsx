/** Every model version, where it came from, how good it is, and where it is in use. */
import { Button, Card, Skeleton, Table } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconBoxModel2, IconUpload } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useLocation } from "react-router";
import { datasetsQuery, jobsQuery, modelsQuery } from "../../api/queries";
import { useMay } from "../../api/session";
import type { Dataset, Model } from "../../api/types";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNotice } from "../../ui/ErrorNotice";
import { Page } from "../../ui/Page";
import { PageHeader } from "../../ui/PageHeader";
import { lineageRows } from "./lineage";
import { ModelRow } from "./ModelRow";
import { UploadModel } from "./UploadModel";

export function ModelsPage() {
  const models = useQuery(modelsQuery);
  const { data: datasets = [] } = useQuery(datasetsQuery);
  const admin = useMay("admin");
  const [uploading, { open, close }] = useDisclosure();
  return (
    <Page>
      <PageHeader
        title="Models"
        description="Versions with the same encoder share all embeddings; another encoder means embedding the images anew."
        actions={
          admin && (
            <Button leftSection={<IconUpload size={16} />} onClick={open}>
              Upload a checkpoint
            </Button>
          )
        }
      />
      {models.error && <ErrorNotice error={models.error} retry={() => void models.refetch()} />}
      {models.isPending && <Skeleton h={260} />}
      {models.data?.length === 0 && <NoModels />}
      {models.data && models.data.length > 0 && <Family models={models.data} datasets={datasets} admin={admin} />}
      <UploadModel opened={uploading} onClose={close} />
    </Page>
  );
}

function Family({ models, datasets, admin }: { models: Model[]; datasets: Dataset[]; admin: boolean }) {
  const rows = lineageRows(models);
  const lanes = 1 + Math.max(...rows.map((row) => row.lane));
  const nameOf = new Map(models.map((model) => [model.id, model.name]));
  const [open, toggle] = useOpenVersions();
  return (
    <Card p={0} pb={6}>
      <Table withRowBorders={false} styles={{ th: { whiteSpace: "nowrap" } }}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Version</Table.Th>
            <Table.Th ta="right" visibleFrom="sm">
              mIoU, 1 click
            </Table.Th>
            <Table.Th ta="right">5 clicks</Table.Th>
            <Table.Th ta="right" visibleFrom="sm">
              Gain
            </Table.Th>
            <Table.Th visibleFrom="md">Encoder</Table.Th>
            <Table.Th aria-label="Actions" />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <ModelRow
              key={row.model.id}
              row={row}
              lanes={lanes}
              parentName={(row.model.parent_id && nameOf.get(row.model.parent_id)) || null}
              datasets={datasets}
              admin={admin}
              opened={open.has(row.model.id)}
              onToggle={() => toggle(row.model.id)}
            />
          ))}
        </Table.Tbody>
      </Table>
    </Card>
  );
}

/** Which versions show their lineage; the one that the address names does, and is brought into view. */
function useOpenVersions(): [ReadonlySet<string>, (id: string) => void] {
  const { hash } = useLocation();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const named = decodeURIComponent(hash.slice(1));
    if (!named) return;
    setOpen((before) => new Set(before).add(named));
    document.getElementById(named)?.scrollIntoView({ block: "center" });
  }, [hash]);
  const toggle = (id: string) =>
    setOpen((before) => {
      const after = new Set(before);
      if (!after.delete(id)) after.add(id);
      return after;
    });
  return [open, toggle];
}

/** The packaged model is registered by a job; when that failed, its reason is what to show. */
function NoModels() {
  const { data } = useInfiniteQuery(jobsQuery({ state: "failed" }));
  const failed = data?.pages[0]?.items.find((job) => job.kind === "registry.register" && job.created_by === null);
  if (failed)
    return (
      <ErrorNotice
        error={new Error(failed.error ?? "Look at it under Jobs.")}
        title="The packaged model could not be registered"
      />
    );
  return (
    <EmptyState icon={IconBoxModel2} title="The first model is being prepared">
      Maskloom brings one along; it appears here as soon as it is exported for the browser.
    </EmptyState>
  );
}
